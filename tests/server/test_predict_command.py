"""`python -m runtime_server predict` in a process of its own."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from registry import Artifact
from registry.store import DEFAULT_ROOT
from tests.server.command import COMMAND, environment

TEXTS = (
    "It is important to note that effective communication fosters growth.",
    "hey, running late, sry!",
)


def predict(
    *arguments: str, root: Path = DEFAULT_ROOT, given: bytes = b"", **changes: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        (*COMMAND, "predict", *arguments),
        env=environment(root, **{"DEFAULT_MODEL": "lexical-tiny", "COLUMNS": "80", **changes}),
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def test_a_text_is_judged_here_as_a_server_judges_it(tiny_client: httpx.Client) -> None:
    here = predict("--json", *TEXTS, "")
    there = predict("--json", "--server", str(tiny_client.base_url), *TEXTS, "")
    assert (here.returncode, there.returncode) == (1, 1)
    found, asked = (
        [json.loads(line) for line in done.stdout.splitlines()] for done in (here, there)
    )
    assert [item["error"]["code"] for item in (found[2], asked[2])] == ["text_too_short"] * 2
    answers = [tiny_client.post("/predict", json={"text": text}).json() for text in TEXTS]
    for item, other, answer in zip(found, asked, answers, strict=False):
        assert item["probability"] == other["probability"] == answer["probability"]
        assert item["metadata"]["artifact_digest"] == answer["metadata"]["artifact_digest"]


def test_every_source_of_texts_in_the_order_given(
    root: Path, artifact: Artifact, tmp_path: Path
) -> None:
    (tmp_path / "lines.txt").write_bytes(b"from a file\r\nand \xff its second line")
    options = ("--json", "--lines", "--file", str(tmp_path / "lines.txt"), "--threshold", "0")
    done = predict(*options, "-", root=root, given=b"from stdin\n", DEFAULT_MODEL="hash-tiny")
    whole = predict(
        *("--json", "--model", "hash-tiny@1.0.0"),
        *("from stdin", "from a file", "and \ufffd its second line"),
        root=root,
        DEFAULT_MODEL="hash-tiny",
    )
    found, expected = ([json.loads(x) for x in y.stdout.splitlines()] for y in (done, whole))
    assert (done.returncode, whole.returncode) == (0, 0)
    assert [x["probability"] for x in found] == [x["probability"] for x in expected]
    assert {x["is_fake"] for x in found} == {True}


def test_the_whole_of_standard_input_is_one_text_and_a_panel_says_what_it_is() -> None:
    done = predict("-", given=TEXTS[0].encode())
    assert (done.returncode, done.stderr) == (0, "")
    assert "too short" in done.stdout
    assert "64.9% AI" in done.stdout
    assert len(done.stdout.splitlines()) == 4
    assert {len(line) for line in done.stdout.splitlines()} == {80}


@pytest.mark.parametrize(
    "arguments", [(), ("--threshold", "2", "x"), ("--file", "nowhere.txt"), ("--nonsense", "x")]
)
def test_bad_usage_is_2_and_leads_to_the_help(arguments: tuple[str, ...]) -> None:
    done = predict(*arguments)
    assert done.returncode == 2
    assert "predict --help" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "changes", "status", "told"),
    [
        (("--model", "nothing", "x"), {}, 1, "hash-tiny"),
        (("x",), {"REGISTRY_ROOT": "nowhere"}, 1, "make export"),
        (("x",), {"MAX_TEXT_LENGTH": "many"}, 2, "MAX_TEXT_LENGTH"),
        (("--server", "http://127.0.0.1:1", "x"), {}, 1, "python -m runtime_server"),
    ],
    ids=str,
)
def test_a_failure_is_one_line_that_says_what_to_do(
    root: Path,
    artifact: Artifact,
    arguments: tuple[str, ...],
    changes: dict[str, str],
    status: int,
    told: str,
) -> None:
    done = predict(*arguments, root=root, **{"DEFAULT_MODEL": "hash-tiny", **changes})
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("error ")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_artifact_judges_nothing(root: Path, artifact: Artifact) -> None:
    content = artifact.path("model.onnx").read_bytes()
    artifact.path("model.onnx").write_bytes(content[:-1] + b"!")
    done = predict("x", root=root, DEFAULT_MODEL="hash-tiny")
    assert (done.returncode, done.stdout) == (1, "")
    assert "python -m registry verify" in done.stderr


def test_the_key_comes_from_the_environment_and_is_not_shown(root: Path) -> None:
    done = predict("--help", SAMEGRAPH_API_KEY="sesame")
    assert done.returncode == 0
    assert "SAMEGRAPH_API_KEY" in done.stdout
    assert "sesame" not in done.stdout
    assert "python -m runtime_server predict --json --lines" in done.stdout
