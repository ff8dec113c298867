"""Serves registry artifacts over HTTP: routing, engines, the FastAPI application."""

import os

# onnxruntime's Linux packages report their use to Microsoft unless this is set before they load.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
