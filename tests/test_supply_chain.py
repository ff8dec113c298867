"""constraints/ pins what an install holds: every version, every hash."""

import json
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
EXTRAS = {
    name: extras.split()
    for name, extras in re.findall(r"^CONSTRAINED_(\w+) := (.*)$", MAKEFILE, re.MULTILINE)
}
UNHASHED = re.findall(r"^UNHASHED := (.*)$", MAKEFILE, re.MULTILINE)[0].split()
PINNED = re.compile(
    r"^([A-Za-z0-9._-]+)==([^ ;\\]+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", re.M
)


def pins(path: Path) -> dict[str, str]:
    found = PINNED.findall(path.read_text())
    return {canonicalize_name(name): version for name, version, _ in found}


@cache
def project() -> dict[str, list[str]]:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"": declared["dependencies"], **declared["optional-dependencies"]}


@pytest.mark.parametrize("name", EXTRAS)
def test_every_requirement_is_pinned_to_a_version_that_it_allows(name: str) -> None:
    pinned = pins(ROOT / "constraints" / f"{name}.txt")
    for extra in ("", *EXTRAS[name]):
        for text in project()[extra]:
            requirement = Requirement(text)
            if requirement.name in UNHASHED:
                assert str(requirement.specifier).startswith("=="), text
                continue
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{text}: make constraints"


@pytest.mark.parametrize("name", EXTRAS)
def test_nothing_is_installed_without_a_hash_or_from_elsewhere(name: str) -> None:
    path = ROOT / "constraints" / f"{name}.txt"
    content = path.read_text()
    lines = [line for line in content.splitlines() if line and not line.startswith((" ", "#"))]
    # A package may be there twice: for two versions of Python.
    assert len(lines) == len(PINNED.findall(content)) > 10
    assert "://" not in content
    assert "torch" not in pins(path)


def test_every_extra_is_pinned() -> None:
    pinned = {extra for extras in EXTRAS.values() for extra in extras}
    assert project().keys() - pinned == {""}
    accelerator = ("nvidia-", "cuda-")
    assert all(name in ("torch", "triton") or name.startswith(accelerator) for name in UNHASHED)


def test_the_list_of_the_browsers_packages_has_what_is_bundled() -> None:
    (command,) = re.findall(r"(npm sbom .*?) >", MAKEFILE)
    done = subprocess.run(
        command.split(), cwd=ROOT / "web_bundle", capture_output=True, text=True, check=True
    )
    listed = {component["name"] for component in json.loads(done.stdout)["components"]}
    assert {"onnxruntime-web", "@huggingface/tokenizers"} <= listed


def test_there_is_no_file_that_nobody_makes() -> None:
    assert {path.stem for path in (ROOT / "constraints").iterdir()} == set(EXTRAS)
