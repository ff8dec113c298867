"""Real artifacts in a real store: a graph that hashes each text to a probability."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx
import numpy as np
import onnx
import pytest
import uvicorn
from onnx import TensorProto, helper, numpy_helper
from starlette.types import ASGIApp

from registry import Artifact, Backend, FileStore, SizeCategory, sha256_of_bytes
from registry.manifest import (
    MODEL_FILE,
    ArtifactFile,
    BrowserSupport,
    Contract,
    Decision,
    InputSpec,
    Manifest,
    OutputSpec,
    Parity,
    Provenance,
    Quality,
    Quantization,
    QuantizationScheme,
    Routing,
    RuntimeRequirements,
    Source,
    artifact_digest,
)
from runtime_server.app import create_app
from runtime_server.engine import Engine
from runtime_server.serving import listen
from runtime_server.settings import Settings

MODEL_ID = "hash-tiny"
N_BUCKETS = 9973


def hash_graph(seed: int = 0) -> bytes:
    """text[N] -> probability[N]: each text's MurmurHash3, scaled to 0..1."""
    nodes = [
        helper.make_node(
            "MurmurHash3", ["text"], ["hash"], domain="com.microsoft", positive=0, seed=seed
        ),
        helper.make_node("Cast", ["hash"], ["wide"], to=TensorProto.INT64),
        helper.make_node("Mod", ["wide", "buckets"], ["bucket"], fmod=0),
        helper.make_node("Cast", ["bucket"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "scale"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "hash",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["N"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
        [
            numpy_helper.from_array(np.array(N_BUCKETS, np.int64), "buckets"),
            numpy_helper.from_array(np.array(N_BUCKETS, np.float32), "scale"),
        ],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


PROBABILITY = OutputSpec(name="probability", dtype="float32", shape=("N",))


def make_manifest(
    graph: bytes,
    *,
    model_id: str = MODEL_ID,
    version: str = "1.0.0",
    input_spec: InputSpec | None = None,
    others: Mapping[str, bytes] | None = None,
    normalizer: Literal["norm-1", "identity"] = "norm-1",
    memory_bytes: int = 1_000_000,
    routing: Routing | None = None,
    browser: bool = True,
    decision: Decision | None = None,
    outputs: tuple[OutputSpec, ...] = (PROBABILITY,),
) -> Manifest:
    """A manifest of a graph, and of other files beside it."""
    contents = {MODEL_FILE: graph, **(others or {})}
    contract = Contract(
        task="ai-text-detection",
        labels=("human", "ai"),
        input=input_spec or InputSpec(kind="text", normalizer=normalizer),
        outputs=outputs,
        decision=decision or Decision(threshold=0.5, target_fpr=0.02, calibration="none"),
        quantization=Quantization(scheme=QuantizationScheme.FP32, bits=32),
    )
    files = tuple(
        ArtifactFile(path=name, sha256=sha256_of_bytes(content), bytes=len(content))
        for name, content in contents.items()
    )
    return Manifest(
        **dict(contract),
        model_id=model_id,
        version=version,
        digest=artifact_digest(files, contract),
        files=files,
        size_bytes=sum(map(len, contents.values())),
        size_category=SizeCategory.TINY,
        routing=routing or Routing.for_category(SizeCategory.TINY),
        runtime=RuntimeRequirements(
            opset=20,
            ir_version=9,
            min_ort="1.20",
            providers=("CPUExecutionProvider",),
            browser=BrowserSupport(
                supported=browser, reasons=() if browser else ("too large for a browser",)
            ),
            memory_bytes=memory_bytes,
        ),
        quality=Quality(
            dataset="none",
            n=1,
            auroc=0.5,
            leave_one_domain_out_auroc=None,
            tpr_at_1pct_fpr=0,
            fpr_at_threshold=0,
            tpr_at_threshold=0,
            expected_calibration_error=0,
        ),
        parity=Parity(reference="none", n=1, max_abs_diff={}),
        source=Source(kind="sklearn", reference="test", licence="CC0-1.0", attribution="none"),
        provenance=Provenance(tool_versions={}, source_digest="0" * 64, git_commit=None),
    )


Publish = Callable[..., Artifact]


@pytest.fixture(scope="session")
def graph() -> bytes:
    return hash_graph()


@pytest.fixture
def manifest_of(graph: bytes) -> Callable[..., Manifest]:
    return partial(make_manifest, graph)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "registry"


def publish_to(root: Path, content: bytes, **options: Any) -> Artifact:  # noqa: ANN401
    with TemporaryDirectory() as source:
        others: Mapping[str, bytes] = options.get("others") or {}
        for name, other in {MODEL_FILE: content, **others}.items():
            (Path(source) / name).write_bytes(other)
        return FileStore(root).publish(make_manifest(content, **options), Path(source))


@pytest.fixture
def publish(root: Path) -> Publish:
    return partial(publish_to, root)


@pytest.fixture
def artifact(publish: Publish, graph: bytes) -> Artifact:
    return publish(graph)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def make_settings(root: Path, tmp_path: Path, **changes: object) -> Settings:
    given = {
        "registry_root": root,
        "demo_root": tmp_path / "demo",
        "default_model": MODEL_ID,
        **changes,
    }
    return Settings(_env_file=None, **given)


@contextmanager
def listening(app: ASGIApp, port: int = 0) -> Iterator[httpx.Client]:
    """The application behind a real uvicorn, on a free port if none is given, and its client."""
    listener = listen("127.0.0.1", port)
    config = uvicorn.Config(app, http="httptools", ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    port = listener.getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        while not server.started:
            time.sleep(0.005)
        server.should_exit = True
        thread.join()
        listener.close()


MakeClient = Callable[..., httpx.Client]


@pytest.fixture
def make_client(root: Path, tmp_path: Path) -> Iterator[MakeClient]:
    with ExitStack() as stack:

        def _make(
            engines: Mapping[Backend, Engine] | None = None, **changes: object
        ) -> httpx.Client:
            app = create_app(make_settings(root, tmp_path, **changes), engines)
            return stack.enter_context(listening(app))

        yield _make


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory, graph: bytes) -> Iterator[httpx.Client]:
    """One server for all tests that change nothing; its artifact equals `artifact`."""
    folder = tmp_path_factory.mktemp("shared")
    publish_to(folder / "registry", graph)
    with listening(create_app(make_settings(folder / "registry", folder))) as client:
        yield client


@pytest.fixture(scope="session")
def tiny_client(
    tmp_path_factory: pytest.TempPathFactory, lexical_tiny: Artifact
) -> Iterator[httpx.Client]:
    """A server of what `make export` built, whose default is lexical-tiny."""
    root = lexical_tiny.folder.parent.parent
    folder = tmp_path_factory.mktemp("tiny")
    settings = make_settings(root, folder, default_model="lexical-tiny")
    with listening(create_app(settings)) as client:
        yield client
