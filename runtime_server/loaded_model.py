"""An artifact, ready to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from registry import Artifact
from runtime_server.errors import EngineError
from runtime_server.graph_input import GraphInput, Row, RowAnswer
from runtime_server.graph_session import GraphSession, SessionPlan
from runtime_server.text_input import TextInput


@dataclass(frozen=True)
class LoadedModel:
    """How its texts become rows, and the graph that runs them."""

    input: GraphInput
    session: GraphSession

    @classmethod
    def load(cls, artifact: Artifact, plan: SessionPlan) -> Self:
        """Every file that is used, verified first. Blocking. Raises EngineError."""
        return cls(graph_input(artifact), GraphSession.load(artifact, plan))

    def run(self, rows: Sequence[Row]) -> tuple[RowAnswer, ...]:
        """An answer per row. Blocking. Raises EngineError."""
        feed = self.input.feed(rows)
        if not any(row.token_level for row in rows):
            return tuple(map(RowAnswer, self.session.run(feed)))
        probabilities, tokens = self.session.run_with_tokens(feed)
        return tuple(
            RowAnswer(probability, own.tolist() if row.token_level else None)
            for row, probability, own in zip(rows, probabilities, tokens, strict=True)
        )


def graph_input(artifact: Artifact) -> GraphInput:
    """The implementation for the artifact's kind of input. Raises EngineError."""
    spec = artifact.manifest.input
    if spec.kind == "text":
        return TextInput.of(spec)
    try:
        # Imported here: a server of text-in models does without the package.
        from runtime_server.token_input import TokenInput
    except ModuleNotFoundError as exc:
        if exc.name != "tokenizers":
            raise
        detail = f"{artifact.manifest.reference} takes tokens; tokenizers is not installed"
        raise EngineError("tokenizers_missing", detail) from exc
    return TokenInput.load(artifact)
