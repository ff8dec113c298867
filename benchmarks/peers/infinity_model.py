"""The artifact as a folder that infinity loads: the same graph, with two logits for a probability.

infinity's /classify reads `logits` and takes a softmax of them. The logits of (1 - p, p) are
(0, ln p - ln(1 - p)), whose softmax is (1 - p, p) again: no weight is touched.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

from registry import Artifact

# Of float32 next to 0 and 1: a logit of neither is infinite.
LEAST, MOST = 1e-7, 1 - 1e-7


def infinity_model(artifact: Artifact, root: Path) -> Path:
    """The folder, below `root`, made where it is missing."""
    folder = root / artifact.manifest.digest
    if folder.exists():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as unfinished:
        _fill(Path(unfinished) / "model", artifact)
        os.replace(Path(unfinished) / "model", folder)
    return folder


def _fill(folder: Path, artifact: Artifact) -> None:
    folder.mkdir()
    _with_logits(artifact.folder / "model.onnx", folder / "model.onnx")
    shutil.copy(artifact.folder / "tokenizer.json", folder)
    labels = dict(enumerate(artifact.manifest.labels))
    # The architecture is where infinity sees that this is a classifier.
    config = {
        "model_type": "bert",
        "architectures": ["BertForSequenceClassification"],
        "id2label": labels,
        "num_labels": len(labels),
    }
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "[PAD]",
        "model_max_length": artifact.manifest.input.max_tokens,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer), "utf-8")


def _with_logits(source: Path, target: Path) -> None:
    # Imported here: only who makes the folder needs it.
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(source)
    probability = model.graph.output[0].name
    constants = {"least": LEAST, "most": MOST, "one": 1.0, "zero": 0.0}
    for name, value in constants.items():
        tensor = helper.make_tensor(f"logits.{name}", TensorProto.FLOAT, [], [value])
        model.graph.initializer.append(tensor)
    axis = helper.make_tensor("logits.axis", TensorProto.INT64, [1], [1])
    model.graph.initializer.append(axis)
    for number, (operator, *inputs, output) in enumerate(_nodes(probability)):
        node = helper.make_node(operator, inputs, [output], f"logits.{number}")
        if operator == "Concat":
            node.attribute.append(helper.make_attribute("axis", 1))
        model.graph.node.append(node)
    del model.graph.output[:]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])
    model.graph.output.append(logits)
    onnx.save(model, target)


def _nodes(probability: str) -> tuple[tuple[str, ...], ...]:
    """Operator, inputs, output."""
    return (
        ("Clip", probability, "logits.least", "logits.most", "logits.p"),
        ("Sub", "logits.one", "logits.p", "logits.q"),
        ("Log", "logits.p", "logits.log_p"),
        ("Log", "logits.q", "logits.log_q"),
        ("Sub", "logits.log_p", "logits.log_q", "logits.ai_row"),
        ("Unsqueeze", "logits.ai_row", "logits.axis", "logits.ai"),
        ("Mul", "logits.ai", "logits.zero", "logits.human"),
        ("Concat", "logits.human", "logits.ai", "logits"),
    )
