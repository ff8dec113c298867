"""A graph with every place where a weight can stand, small enough to run under every scheme."""

from collections.abc import Callable, Iterator

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper, parser

from export.quantization.weight_matrices import MIN_EMBEDDING_ELEMENTS

WIDTH = 64
VOCABULARY = MIN_EMBEDDING_ELEMENTS // WIDTH + 1
_GRAPH = """
<ir_version: 9, opset_import: ["" : 20]>
scorer (int64[N, T] input_ids) => (float[N] probability) {
  found = Gather (table, input_ids)
  place = Gather (positions, input_ids)
  sum = Add (found, place)
  norm = LayerNormalization (sum, gain)
  wide = MatMul (norm, up)
  bent = Gelu (wide)
  narrow = MatMul (bent, down)
  rows = Reshape (narrow, as_rows)
  mixed = Gemm <transB = 1> (rows, mix, bias)
  last = Loop (trips, , mixed) <body = body (int64 i, bool keep, float[M, W] state)
      => (bool on, float[M, W] next) {
    on = Identity (keep)
    turned = MatMul (state, turn)
    next = Tanh (turned)
  }>
  shape = Shape (found)
  back = Reshape (last, shape)
  head = Transpose <perm = [1, 0]> (table)
  logits = MatMul (back, head)
  best = ReduceMax <keepdims = 0> (logits, last_axis)
  mean = ReduceMean <keepdims = 0> (best, last_axis)
  centred = Sub (mean, centre)
  sharp = Mul (centred, sharpness)
  probability = Sigmoid (sharp)
}
"""


def small_scorer() -> onnx.ModelProto:
    """input_ids int64[N, T] below 100 to probability float32[N].

    An embedding whose table is the head's too, a small table, MatMul, Gemm with transB, and a Loop
    whose body multiplies with a weight of the outer graph.
    """
    model = parser.parse_model(_GRAPH)
    model.graph.initializer.extend(_initializers())
    onnx.checker.check_model(model)
    return model


def _initializers() -> Iterator[onnx.TensorProto]:
    random = np.random.RandomState(0)
    shapes = {
        "table": (VOCABULARY, WIDTH),
        "positions": (100, WIDTH),
        "up": (WIDTH, 2 * WIDTH),
        "down": (2 * WIDTH, WIDTH),
        "mix": (WIDTH, WIDTH),
        "turn": (WIDTH, WIDTH),
        "bias": (WIDTH,),
    }
    for name, shape in shapes.items():
        values = random.normal(size=shape) / np.sqrt(WIDTH)
        yield numpy_helper.from_array(values.astype(np.float32), name)
    yield numpy_helper.from_array(np.ones(WIDTH, np.float32), "gain")
    yield numpy_helper.from_array(np.float32(1.9), "centre")
    yield numpy_helper.from_array(np.float32(20), "sharpness")
    yield numpy_helper.from_array(np.array([-1, WIDTH]), "as_rows")
    yield numpy_helper.from_array(np.array([-1]), "last_axis")
    yield numpy_helper.from_array(np.array(2), "trips")


def token_ids(rows: int = 4, tokens: int = 9) -> np.ndarray:
    """int64[rows, tokens]."""
    return np.random.RandomState(1).randint(0, 100, size=(rows, tokens))


def run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """The first output, by onnxruntime on the CPU."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


def probabilities(model: onnx.ModelProto, ids: np.ndarray) -> np.ndarray:
    """float32[N], of a scorer."""
    return run(model, {"input_ids": ids})


def largest_drift(model: onnx.ModelProto) -> float:
    """Largest |difference of probability| to the graph in fp32."""
    ids = token_ids(64)
    return float(np.abs(probabilities(model, ids) - probabilities(small_scorer(), ids)).max())


def batch_difference(model: onnx.ModelProto) -> float:
    """Largest |difference of probability| between a row alone and in a batch."""
    ids = token_ids(16)
    together = probabilities(model, ids)
    alone = np.concatenate([probabilities(model, row[np.newaxis]) for row in ids])
    return float(np.abs(together - alone).max())


def operators(graph: onnx.GraphProto) -> set[str]:
    """Every operator of the graph, without those of bodies."""
    return {node.op_type for node in graph.node}


def loop_body(model: onnx.ModelProto) -> onnx.GraphProto:
    """The graph's one Loop."""
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    return loop.attribute[0].g


def stored_types(model: onnx.ModelProto) -> dict[str, int]:
    """The data type of every initializer, by name."""
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def same_bytes_twice(scheme: Callable[[onnx.ModelProto], onnx.ModelProto]) -> bool:
    """Whether the scheme gives the same file every time."""
    first, second = (scheme(small_scorer()).SerializeToString(deterministic=True) for _ in range(2))
    return first == second
