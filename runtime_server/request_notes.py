"""What is found out about a request while it is answered, for the line logged at its end."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from registry import Backend


@dataclass(slots=True)
class RequestNotes:
    """Filled in by whoever knows: `items` are texts that a backend was asked for.

    `key` is the name of the caller's API key, `headers` are those that its answer gets.
    """

    key: str | None = None
    backend: str | None = None
    items: int | None = None
    tokens: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


# Tasks of a request have contexts of their own, which all hold the request's one object.
_CURRENT: Final[ContextVar[RequestNotes | None]] = ContextVar("request_notes", default=None)


def begin_notes() -> RequestNotes:
    """Of the request that this context is for."""
    notes = RequestNotes()
    _CURRENT.set(notes)
    return notes


def note_key(name: str) -> None:
    """The caller has sent the key of this name."""
    if (notes := _CURRENT.get()) is not None:
        notes.key = name


def note_header(name: str, value: str) -> None:
    """The answer is to say this, whether it is an error or not."""
    if (notes := _CURRENT.get()) is not None:
        notes.headers.append((name.lower().encode(), value.encode()))


def note_items(items: int) -> None:
    """So many texts more are to be judged."""
    if (notes := _CURRENT.get()) is not None:
        notes.items = (notes.items or 0) + items


def note_answer(backend: Backend, tokens: int | None) -> None:
    """A backend has answered; `tokens` are None where its graph reads text itself."""
    if (notes := _CURRENT.get()) is not None:
        notes.backend = backend.value
        if tokens is not None:
            notes.tokens = (notes.tokens or 0) + tokens
