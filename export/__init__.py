"""Build pipeline: from a checkpoint to a verified ONNX artifact in the registry."""

import os

# onnxruntime's Linux packages report their use to Microsoft unless this is set before they load.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
