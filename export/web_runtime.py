"""The onnxruntime-web that the web bundle ships: where it is installed, and which version."""

import json
import shutil
from functools import cache
from pathlib import Path

WEB_BUNDLE = Path(__file__).resolve().parent.parent / "web_bundle"


@cache
def onnxruntime_web_version() -> str | None:
    """The installed version, or None where it or Node.js is missing."""
    package = WEB_BUNDLE / "node_modules" / "onnxruntime-web" / "package.json"
    if shutil.which("node") is None or not package.is_file():
        return None
    return str(json.loads(package.read_bytes())["version"])
