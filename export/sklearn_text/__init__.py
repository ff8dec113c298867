"""scikit-learn text pipelines: the hashed n-gram step, and their conversion through skl2onnx."""
