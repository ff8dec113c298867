"""Modal cannot be reached: how long until this server's own answer."""

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Final

import httpx

from benchmarks.black_hole import black_hole
from benchmarks.live_server import runtime_server
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.suites.tiers.allowance import Allowance
from benchmarks.suites.tiers.expected import FALLBACK, fallback_bar
from benchmarks.suites.tiers.place import FAILURES
from benchmarks.suites.tiers.served import QUIET, asked
from benchmarks.suites.tiers.texts import SizedText
from registry import Artifact, Backend

# Half of ATTEMPT_TIMEOUT_MS: what a start of a container gets where another backend could answer.
WAIT_S: Final = 15.0
LONGEST_S: Final = 90.0
# Waited for where the suite has so many times as long: the machine does nothing meanwhile.
SHARE: Final = 8
TOKEN: Final = {"MODAL_TOKEN_ID": "ak-none", "MODAL_TOKEN_SECRET": "as-none"}
# Until a start has been seen; so the server hopes for Modal as long as it ever does.
HOPEFUL: Final = {"MODAL_EXPECTED_START_S": "0"}
AT_ONCE: Final = "connections are taken and never answered; the model is loaded meanwhile"


def fallbacks(
    artifacts: Sequence[Artifact], text: SizedText, allowance: Allowance
) -> Iterator[Finding]:
    """The first answer of every model with default settings, and of the first one after a wait."""
    for artifact in artifacts:
        yield from _fallback(artifact, text, {}, "Modal unreachable", AT_ONCE)
    if not artifacts:
        return
    name, told = "Modal unreachable, hoped for", f"{AT_ONCE}; MODAL_EXPECTED_START_S=0"
    if allowance.whole_s < WAIT_S * SHARE:
        why = f"{name}: about {WAIT_S:.0f} s, too much of {allowance.whole_s:.0f} s"
        yield Missing(subject=artifacts[0].manifest.model_id, why=why)
        yield fallback_bar(f"{artifacts[0].manifest.model_id}, {name}").missing(why)
        return
    yield from _fallback(artifacts[0], text, HOPEFUL, name, told)


def _fallback(
    artifact: Artifact, text: SizedText, settings: Mapping[str, str], name: str, told: str
) -> Iterator[Finding]:
    subject = f"{artifact.manifest.model_id}, {name}"
    bar = fallback_bar(subject)
    try:
        milliseconds = _first_answer_ms(artifact, text, settings)
    except FAILURES as exc:
        yield Missing(subject=subject, why=str(exc)[:300])
        yield bar.missing(str(exc)[:300])
        return
    yield Measurement(
        subject=subject, quantity=FALLBACK, unit="ms", values=(milliseconds,), told=told
    )
    yield bar.judge([milliseconds / 1e3], told)


def _first_answer_ms(artifact: Artifact, text: SizedText, settings: Mapping[str, str]) -> float:
    """Of a running server that has neither the model in memory nor Modal."""
    root = {"REGISTRY_ROOT": str(artifact.folder.parent.parent)}
    with (
        black_hole() as nowhere,
        runtime_server(
            MODAL_SERVER_URL=nowhere,
            MODAL_CONFIG_PATH="/nonexistent/modal.toml",
            **TOKEN,
            **root,
            **QUIET,
            **settings,
        ) as server,
        httpx.Client(base_url=server.url, timeout=LONGEST_S) as client,
    ):
        began = perf_counter()
        asked(client, text.text, artifact.manifest.model_id, Backend.MODAL, answers=Backend.LOCAL)
        return (perf_counter() - began) * 1e3
