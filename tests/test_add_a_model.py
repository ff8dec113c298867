"""docs/add-a-model.md, run from top to bottom on a tiny checkpoint."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from export.calibration import Temperature
from export.encoder.architecture import ARCHITECTURES
from export.evaluation import read_evaluation
from export.golden_texts import NATURAL
from export.recipe import EncoderSource
from registry import FileStore
from tests.conftest import ROOT
from tests.export.checkpoints import write_checkpoint

PAGE = ROOT / "docs" / "add-a-model.md"
PORT = "8000"
SERVER = "runtime_server"
FILE_NAME = re.compile(r"# (\S+/\S+)\n")


@dataclass(frozen=True)
class Block:
    """A fenced block of the page."""

    language: str
    text: str


@dataclass(frozen=True)
class Reader:
    """Does in one folder what the page says; `port` is used instead of the page's."""

    folder: Path
    port: str

    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "REGISTRY_ROOT": str(self.folder / "artifacts"),
        }

    def start(self, block: Block) -> "subprocess.Popen[str]":
        shell = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": ["python", "-c"]}
        return subprocess.Popen(
            [*shell[block.language], block.text.replace(PORT, self.port)],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, block: Block) -> str:
        with self.start(block) as process:
            stdout, stderr = process.communicate()
        assert process.returncode == 0, f"{block.text}\n{stdout}\n{stderr}"
        return stdout

    def write(self, block: Block) -> None:
        """A file that the page shows whole begins with its name."""
        named = FILE_NAME.match(block.text)
        if named:
            path = self.folder / named[1]
            path.parent.mkdir(parents=True)
            path.write_text(block.text)

    @contextmanager
    def serving(self, block: Block) -> Iterator[None]:
        process = self.start(block)
        try:
            wait_until_ready(f"http://127.0.0.1:{self.port}/readyz", process)
            yield
        finally:
            process.terminate()
            process.communicate()


def wait_until_ready(url: str, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None:
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the server ended: {process.communicate()}")


def page_blocks() -> list[Block]:
    fenced = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(language, text) for language, text in fenced]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("reader")
    write_checkpoint("roberta", folder / "my-checkpoint")
    held_out = [{"text": text, "label": at % 2} for at, text in enumerate(NATURAL)]
    (folder / "held-out.jsonl").write_text("\n".join(map(json.dumps, held_out)))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return Reader(folder, str(listener.getsockname()[1]))


@pytest.fixture(scope="module")
def answer(reader: Reader) -> Mapping[str, object]:
    """What curl printed, once all blocks have run."""
    blocks = page_blocks()
    at = next(i for i, block in enumerate(blocks) if SERVER in block.text)
    for block in blocks[:at]:
        reader.run(block)
    with reader.serving(blocks[at]):
        printed: Mapping[str, object] = json.loads(reader.run(blocks[at + 1]))
    for block in blocks[at + 2 :]:
        reader.write(block) if block.language == "toml" else reader.run(block)
    return printed


def test_the_server_answers_as_the_checkpoint_does(
    reader: Reader, answer: Mapping[str, object]
) -> None:
    asked = re.search(r'"text": "(.*?)"', PAGE.read_text("utf-8"))
    assert asked is not None
    folder = reader.folder / "my-checkpoint"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(**tokenizer(asked[1], return_tensors="pt")).logits
    assert answer["model_id"] == "my-detector"
    assert answer["probability"] == pytest.approx(logits.softmax(-1)[0, 1].item(), abs=0.05)


@pytest.mark.usefixtures("answer")
def test_both_models_of_the_page_are_published(reader: Reader) -> None:
    artifacts = FileStore(reader.folder / "artifacts").artifacts()
    manifests = {artifact.manifest.model_id: artifact.manifest for artifact in artifacts}
    assert sorted(manifests) == ["my-detector", "my-pipeline"]
    assert manifests["my-detector"].quality is None
    assert manifests["my-pipeline"].runtime.browser.supported


@pytest.mark.usefixtures("answer")
def test_what_evaluate_measured_lies_beside_the_recipe(reader: Reader) -> None:
    evaluation = read_evaluation(reader.folder / "recipes" / "my-detector")
    assert (evaluation.n, evaluation.target_fpr) == (len(NATURAL), 0.02)


def test_a_recipe_may_say_what_the_page_shows_of_one() -> None:
    shown = [block.text for block in page_blocks() if block.language == "toml"]
    parts = [tomllib.loads(text) for text in shown if not FILE_NAME.match(text)]
    terms = {"kind": "encoder", "base": "b", "reference": "r", "licence": "l", "attribution": "a"}
    sources = [EncoderSource(**terms, **part.get("source", part)) for part in parts]
    assert [source.ai_label for source in sources] == ["LABEL_1", None]
    assert [source.calibration for source in sources] == [
        None,
        Temperature(method="temperature", temperature=1.7),
    ]


def test_the_page_names_every_architecture() -> None:
    page = re.sub(r"[^a-z0-9]", "", PAGE.read_text("utf-8").lower())
    assert [name for name in ARCHITECTURES if name.replace("-", "") not in page] == []
