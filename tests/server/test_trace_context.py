"""Trace Context: what is taken from callers, and what they get back."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from runtime_server.trace_context import TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"FF-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0G",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"01-{TRACE}-{SPAN}-01more",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}{SPAN}-01",
        "００" + VALID[2:],
    ],
)
def test_what_is_no_traceparent_is_refused(parent: str) -> None:
    assert TraceContext.given([parent]) is None


@pytest.mark.parametrize("rest", ["", "-", "-what-ever comes later"])
def test_a_later_version_is_read_as_far_as_it_is_known(rest: str) -> None:
    found = TraceContext.given([f"cc-{TRACE}-{SPAN}-01{rest}"])
    assert found == TraceContext(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize(("flags", "passed_on"), [("00", "00"), ("01", "01"), ("fe", "00")])
def test_flags_that_nobody_knows_are_not_passed_on(flags: str, passed_on: str) -> None:
    found = TraceContext.given([f"00-{TRACE}-{SPAN}-{flags}"])
    assert found is not None
    assert found.child().traceparent[-2:] == passed_on


def test_two_parents_are_none() -> None:
    assert TraceContext.given([VALID, VALID]) is None
    assert TraceContext.given([]) is None


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        ([], ""),
        (["a=1"], "a=1"),
        (["a=1", "b=2"], "a=1,b=2"),
        (["é=1"], ""),
        (["a=" + "x" * 510], "a=" + "x" * 510),
        (["a=" + "x" * 511], ""),
    ],
)
def test_the_state_is_passed_on_whole_or_not_at_all(states: list[str], kept: str) -> None:
    found = TraceContext.given([VALID], states)
    assert found is not None
    assert found.child().state == kept


def hexadecimal(length: int) -> st.SearchStrategy[str]:
    digits = st.text("0123456789abcdef", min_size=length, max_size=length)
    return st.one_of(digits, st.just("0" * length))


NEARLY = st.builds(
    "{}-{}-{}-{}{}".format,
    st.one_of(hexadecimal(2), st.just("ff"), st.text(max_size=3)),
    hexadecimal(32),
    hexadecimal(16),
    st.one_of(hexadecimal(2), st.just("AB")),
    st.sampled_from(["", "", "-", "-x", "x"]),
)


@given(st.one_of(NEARLY, st.text(max_size=60)))
def test_it_reads_what_opentelemetry_reads(parent: str) -> None:
    context = TraceContextTextMapPropagator().extract({"traceparent": parent})
    expected = get_current_span(context).get_span_context()
    found = TraceContext.given([parent])
    if expected.is_valid:
        assert found is not None
        assert (int(found.trace_id, 16), int(found.span_id, 16), found.sampled) == (
            expected.trace_id,
            expected.span_id,
            expected.trace_flags.sampled,
        )
    else:
        assert found is None


def test_an_answer_belongs_to_the_callers_trace_with_a_span_of_its_own(
    client: httpx.Client,
) -> None:
    headers = [("traceparent", VALID), ("tracestate", "a=1"), ("tracestate", "b=2")]
    answer = client.post("/predict", json={"text": "a"}, headers=headers)
    version, trace, span, flags = answer.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert len(span) == 16
    assert span != SPAN
    assert answer.headers["tracestate"] == "a=1,b=2"


def test_an_invalid_parent_begins_a_new_trace(client: httpx.Client) -> None:
    bad = {"traceparent": f"ff-{TRACE}-{SPAN}-01", "tracestate": "a=1"}
    answers = [client.get(path, headers=bad) for path in ("/livez", "/livez", "/nowhere")]
    found = [TraceContext.given([answer.headers["traceparent"]]) for answer in answers]
    assert len({TRACE, *(one.trace_id for one in found if one)}) == 4
    assert not any("tracestate" in answer.headers for answer in answers)
