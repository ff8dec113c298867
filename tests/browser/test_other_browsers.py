"""Firefox and WebKitGTK give the golden probabilities, and the page answers in them."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from benchmarks.other_browsers import WebKit, find_firefox, find_webkit
from registry import Artifact, FileStore
from registry.store import DEFAULT_ROOT
from tests.browser.test_page import in_node
from tests.demo_page import addresses

SECONDS = 120
MODELS = ("lexical-tiny", "minilm-small")
TEXT = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 4
ASK_PAGE = """
  const { text } = argument;
  const state = (wanted) => new Promise((resolve) => {
    const look = () => (wanted.includes(document.documentElement.dataset.state)
      ? resolve(document.documentElement.dataset.state) : setTimeout(look, 20));
    look();
  });
  if (await state(['ready', 'error']) === 'error')
    throw new Error(document.getElementById('error-detail').textContent);
  document.getElementById('text').value = text;
  document.getElementById('check').click();
  await state(['done', 'error']);
  const typed = Number(document.getElementById('probability').value || 'nan');
"""
TRY_SINGLE_FILE = f"async (argument) => {{ {ASK_PAGE} return typed; }}"
TRY_ALL = f"""async (argument) => {{ {ASK_PAGE}
  const {{ createDetector }} = await import(new URL('./detector.js', document.baseURI).href);
  const probabilities = [];
  for (const {{ where, texts }} of argument.artifacts) {{
    const detector = await createDetector(where);
    const found = await detector.detect(texts);
    probabilities.push(found.map(({{ probability }}) => probability));
    await detector.dispose();
  }}
  return {{ typed, probabilities }};
}}"""


@contextmanager
def screen(program: Path) -> Iterator[str]:
    """An X server that shows nothing; yields its name."""
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    try:
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()


def in_firefox(
    root: Path, url: str, function: str, argument: object, seconds: int = SECONDS
) -> Any:  # noqa: ANN401
    firefox = find_firefox()
    if firefox is None:
        pytest.skip("no Firefox: `python -m benchmarks.other_browsers` installs one on Debian")
    completed = subprocess.run(
        ["node", "parity/firefox.mjs", str(firefox), url],
        cwd=root / "web_bundle",
        input=json.dumps({"function": function, "argument": argument}),
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


def in_webkit(_: Path, url: str, function: str, argument: object, seconds: int = SECONDS) -> Any:  # noqa: ANN401
    webkit = find_webkit()
    if webkit is None:
        pytest.skip("no WebKitGTK: `python -m benchmarks.other_browsers` installs it on Debian")
    with screen(webkit.screen) as display, webkit_driver(webkit, display) as driver:
        driver.set_script_timeout(seconds)
        driver.get(url)
        answer = driver.execute_async_script(
            f"const [argument, done] = arguments; ({function})(argument)"
            ".then((result) => done({ result }), (error) => done({ error: String(error) }));",
            argument,
        )
    assert "error" not in answer, answer["error"]
    return answer["result"]


@contextmanager
def webkit_driver(webkit: WebKit, display: str) -> Iterator[webdriver.WebKitGTK]:
    options = Options()
    options.binary_location = str(webkit.browser)
    options.add_argument("--automation")
    # Without a user of its own, its sandbox cannot be set up in a container.
    environment = {
        **os.environ,
        "DISPLAY": display,
        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
    }
    driver = webdriver.WebKitGTK(options, Service(str(webkit.driver), env=environment))
    try:
        yield driver
    finally:
        driver.quit()


BROWSERS = pytest.mark.parametrize("run", [in_firefox, in_webkit])
# selenium's own WebKitGTK class calls selenium in a way that selenium deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")


@BROWSERS
def test_the_single_file_answers_from_the_disk(
    run: Callable[[Path, str, str, object], Any],
    root: Path,
    static_folder: Path,
    lexical_tiny: Artifact,
) -> None:
    url = (static_folder / "single.html").as_uri()
    found = run(root, url, TRY_SINGLE_FILE, {"text": TEXT})
    assert found == pytest.approx(in_node(root, lexical_tiny, TEXT), abs=1e-5)


@BROWSERS
def test_golden_vectors_and_the_page_itself(
    run: Callable[[Path, str, str, object], Any], root: Path, server_url: str
) -> None:
    artifacts = [FileStore(DEFAULT_ROOT).resolve(model) for model in MODELS]
    golden = [golden_vectors(artifact) for artifact in artifacts]
    asked = [
        {"where": addresses(artifact), "texts": [*(vector["text"] for vector in vectors), TEXT]}
        for artifact, vectors in zip(artifacts, golden, strict=True)
    ]
    argument = {"text": TEXT, "artifacts": asked}
    found = run(root, f"{server_url}/demo/", TRY_ALL, argument)
    assert found["typed"] == found["probabilities"][0][-1]
    for artifact, vectors, probabilities in zip(
        artifacts, golden, found["probabilities"], strict=True
    ):
        worst = max(
            abs(vector["probability"] - probability)
            for vector, probability in zip(vectors, probabilities[:-1], strict=True)
        )
        assert worst <= 1e-5, f"{artifact.manifest.reference}: {worst}"


def golden_vectors(artifact: Artifact) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in artifact.path("golden.jsonl").read_text("ascii").splitlines()
    ]
