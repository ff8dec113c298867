import os

import pytest

from export.threads import VARIABLE, session_threads, share_cores


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)


def test_a_build_alone_uses_every_core() -> None:
    share_cores(jobs=1)
    assert VARIABLE not in os.environ
    assert session_threads() == 0


def test_builds_side_by_side_share_the_cores() -> None:
    share_cores(jobs=1_000)
    assert session_threads() == 1


def test_what_the_user_has_chosen_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    share_cores(jobs=1_000)
    assert session_threads() == 3
