"""Static files with the media types that browsers insist on."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

# The system's own table differs from one machine to the next; a wrong type stops wasm and modules.
MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
FALLBACK_MEDIA_TYPE: Final = "application/octet-stream"


class TypedFiles(StaticFiles):
    """StaticFiles whose media types do not depend on the machine."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file; browsers are to ask each time whether it is still the same."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        suffix = Path(full_path).suffix.lower()
        response.headers["content-type"] = MEDIA_TYPES.get(suffix, FALLBACK_MEDIA_TYPE)
        response.headers["cache-control"] = "no-cache"
        return response
