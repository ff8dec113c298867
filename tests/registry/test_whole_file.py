"""A file is what it was, or what it is to be, and nothing in between."""

import os
import stat
from pathlib import Path

import pytest

from registry.whole_file import READABLE_BY_OWNER, replacing, write_whole


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    for content in (b"one", b"another"):
        write_whole(path, content)
        assert path.read_bytes() == content
        assert os.listdir(tmp_path) == ["file.json"]


def write_half(path: Path) -> None:
    with replacing(path) as beside:
        beside.write_bytes(b"half of it")
        raise ZeroDivisionError


@pytest.mark.parametrize("there", [True, False])
def test_an_error_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "file.json"
    if there:
        path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert os.listdir(tmp_path) == (["file.json"] if there else [])
    assert not there or path.read_bytes() == b"before"


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with replacing(path, READABLE_BY_OWNER) as beside:
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600
        beside.write_bytes(b"hush")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
