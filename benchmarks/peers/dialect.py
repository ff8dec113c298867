"""How a server is asked, and how it answers: each has its own paths and its own JSON."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

V2_MODEL: Final = "detector"


@dataclass(frozen=True)
class Dialect:
    """`ready` and `path` are the server's; `wrap` makes its JSON of a text, `read` the reverse.

    What is wrapped need not be a text: bad input is sent in the same way. `read` raises KeyError,
    IndexError or TypeError where the JSON is no answer.
    """

    ready: str
    path: str
    wrap: Callable[[object], object]
    read: Callable[[Any], Any]

    def body(self, text: object) -> str:
        """The JSON of a request for one text."""
        return json.dumps(self.wrap(text))

    def probability(self, answer: str) -> float:
        """Of the JSON of an answer. Raises ValueError where that is none."""
        try:
            return float(self.read(json.loads(answer)))
        except (KeyError, IndexError, TypeError) as exc:
            raise ValueError(f"not an answer: {answer[:80]!r}") from exc


def _tensor(text: object) -> object:
    # The first dimension is the batch's.
    return {"inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [text]}]}


def _ai(answer: Any) -> Any:  # noqa: ANN401 (JSON of another server)
    return {label["label"]: label["score"] for label in answer["data"][0]}["ai"]


PLAIN: Final = Dialect(
    "/health", "/predict", lambda text: {"text": text}, lambda answer: answer["probability"]
)
OURS: Final = Dialect("/readyz", PLAIN.path, PLAIN.wrap, PLAIN.read)
# The Open Inference Protocol.
V2: Final = Dialect(
    f"/v2/models/{V2_MODEL}/ready",
    f"/v2/models/{V2_MODEL}/infer",
    _tensor,
    lambda answer: answer["outputs"][0]["data"][0],
)
# BentoML: the arguments by name, each as many as there are texts.
LISTS: Final = Dialect(
    "/readyz", "/predict", lambda text: {"texts": [text]}, lambda answer: answer[0]
)
# infinity.
CLASSIFY: Final = Dialect(
    "/health", "/classify", lambda text: {"model": V2_MODEL, "input": [text]}, _ai
)
