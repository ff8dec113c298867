"""Judges texts in this process: a server's engine and answers, without the server."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Final

from registry import Artifact, Backend
from runtime_server.answer import Scored
from runtime_server.catalogue import Catalogue
from runtime_server.errors import ServerError
from runtime_server.local_engine import LocalEngine
from runtime_server.problem import Problem
from runtime_server.requests import TextLimits
from runtime_server.result import BatchItem, ErrorItem, PredictResult
from runtime_server.router import Router
from runtime_server.routing import Policy, Preferences
from runtime_server.settings import Settings

# Texts that are read and run together.
_AT_ONCE: Final = 32
_ONLY_HERE: Final = Policy(Backend.LOCAL, allow_client_side=False, allow_modal=False)
_HERE: Final = Preferences(Backend.LOCAL)


@dataclass(frozen=True)
class Here:
    """An artifact of the registry, and what runs it."""

    artifact: Artifact
    router: Router
    limits: TextLimits
    runner: asyncio.Runner
    threshold: float

    @classmethod
    @contextmanager
    def opened(
        cls, settings: Settings, model: str | None, threshold: float | None
    ) -> Iterator["Here"]:
        """For these settings.

        Raises:
            SettingsError, StartError: the registry does not hold what the settings name.
            ModelNotFoundError: nor what `model` names, which is the default model where it is None.
        """
        artifact = Catalogue.load(settings).choose(model, None).artifact
        own = artifact.manifest.decision.threshold
        router = Router({Backend.LOCAL: LocalEngine.of(settings)}, _ONLY_HERE)
        with asyncio.Runner() as runner:
            try:
                yield cls(
                    artifact,
                    router,
                    TextLimits.of(settings),
                    runner,
                    own if threshold is None else threshold,
                )
            finally:
                runner.run(router.close())

    def items(self, texts: Iterable[str]) -> Iterator[BatchItem]:
        """An item per text, in order. Raises AllBackendsFailedError."""
        waiting = iter(texts)
        while part := tuple(islice(waiting, _AT_ONCE)):
            yield from self._items(part)

    def _items(self, part: Sequence[str]) -> Iterator[BatchItem]:
        checked = tuple(map(self._checked, part))
        taken = [text for text in checked if isinstance(text, str)]
        results = iter(self.runner.run(self._results(taken)) if taken else ())
        for item in checked:
            yield next(results) if isinstance(item, str) else item

    def _checked(self, text: str) -> str | ErrorItem:
        try:
            return self.limits.check(text)
        except ServerError as exc:
            return ErrorItem(error=Problem.of(exc))

    async def _results(self, texts: Sequence[str]) -> tuple[PredictResult, ...]:
        began = perf_counter()
        answer = await self.router.answer(self.artifact, texts, _HERE)
        latency_ms = (perf_counter() - began) * 1e3
        assert isinstance(answer, Scored)  # noqa: S101  # the policy allows no delegation
        return tuple(
            PredictResult.scored(
                self.artifact.manifest,
                answer,
                score,
                text=text,
                threshold=self.threshold,
                latency_ms=latency_ms,
            )
            for text, score in zip(texts, answer.scores.items, strict=True)
        )
