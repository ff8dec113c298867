"""Which trace a request is part of: W3C Trace Context 1 (https://www.w3.org/TR/trace-context/)."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"
_SAMPLED: Final = 0x01
_IDS: Final = "(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
_KNOWN: Final = re.compile(f"00-{_IDS}")
# A version that is not known yet may say more behind the flags; ff is no version.
_LATER: Final = re.compile(f"(?!00|ff)[0-9a-f]{{2}}-{_IDS}(?:-.*)?")
_BLANKS: Final = " \t"
# What every participant must pass on; of a longer one, nothing.
_STATE: Final = re.compile("[ -~]{1,512}")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace and one of its spans, ids in lower-case hex; `state` is for others, unread."""

    trace_id: str
    span_id: str
    sampled: bool = False
    state: str = ""

    @classmethod
    def begun(cls) -> Self:
        """The first span of a new trace."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def given(cls, parents: Iterable[str], states: Iterable[str] = ()) -> Self | None:
        """The caller's span, by all headers of each name; None where there is no valid one."""
        match [_parsed(parent.strip(_BLANKS)) for parent in parents]:
            case [re.Match() as found]:
                trace_id, span_id, flags = found.groups()
                state = ",".join(states)
                return cls(
                    trace_id,
                    span_id,
                    bool(int(flags, 16) & _SAMPLED),
                    state if _STATE.fullmatch(state) else "",
                )
        return None

    def child(self) -> "TraceContext":
        """A new span of the same trace."""
        return TraceContext(self.trace_id, secrets.token_hex(8), self.sampled, self.state)

    @property
    def traceparent(self) -> str:
        """As a header; of the flags, only the one that version 00 knows."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """As ASGI has them."""
        parent = (TRACEPARENT, self.traceparent.encode())
        return (parent, (TRACESTATE, self.state.encode())) if self.state else (parent,)


def _parsed(parent: str) -> re.Match[str] | None:
    return _KNOWN.fullmatch(parent) or _LATER.fullmatch(parent)
