"""Build pipeline: from a checkpoint to a verified ONNX artifact in the registry."""
