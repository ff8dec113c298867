"""What the router gives for some texts."""

from dataclasses import dataclass

from registry import Backend
from runtime_server.engine import Scores
from runtime_server.routing import Skip


@dataclass(frozen=True)
class Scored:
    """A backend computed; `fallbacks` are those that did not."""

    backend: Backend
    scores: Scores
    fallbacks: tuple[Skip, ...]


@dataclass(frozen=True)
class Delegated:
    """The caller is to compute."""

    fallbacks: tuple[Skip, ...]


Answer = Scored | Delegated
