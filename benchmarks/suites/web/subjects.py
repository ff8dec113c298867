"""What is compared: a library, a model, and where it runs."""

from dataclasses import dataclass

from benchmarks.sample_text import WORDS, sample_text
from benchmarks.suites import Context
from benchmarks.suites.web.transformers_js import NAME
from registry import Artifact

TINY, SMALL = "lexical-tiny", "minilm-small"
# One window of minilm-small, so that either library reads all of it.
FEW_WORDS = 100


@dataclass(frozen=True)
class Subject:
    """One library with one model: its page, the threads that it can run in, a text to ask about.

    Chromium's timers tick every 0.1 ms: `together` predictions make one sample.
    """

    library: str
    model_id: str
    page: str
    threads: tuple[str, ...]
    text: str
    together: int

    @property
    def name(self) -> str:
        """As in `samegraph lexical-tiny`."""
        return f"{self.library} {self.model_id}"

    @property
    def words(self) -> int:
        """Of its text."""
        return len(self.text.split())


def own(artifact: Artifact) -> Subject:
    """This library with that model; its worker is what a page gets unless it asks otherwise."""
    quick = artifact.manifest.model_id == TINY
    words = WORDS if quick else FEW_WORDS
    return Subject(
        library="samegraph",
        model_id=artifact.manifest.model_id,
        page="samegraph.html",
        threads=("worker", "main"),
        text=_words(artifact, words),
        together=10 if quick else 1,
    )


def peer(artifact: Artifact) -> Subject:
    """transformers.js with that model; it runs in the page's thread."""
    return Subject(
        library=NAME,
        model_id=artifact.manifest.model_id,
        page="transformers.html",
        threads=("main",),
        text=_words(artifact, FEW_WORDS),
        together=1,
    )


def own_artifacts(context: Context) -> tuple[Artifact, ...]:
    """Those of the subjects that are built."""
    found = (context.artifact(TINY), context.artifact(SMALL))
    return tuple(one for one in found if one is not None)


def visited_text(artifact: Artifact) -> str:
    """What every first visit asks about."""
    return _words(artifact, FEW_WORDS)


def _words(artifact: Artifact, count: int) -> str:
    return " ".join(sample_text(artifact).split()[:count])
