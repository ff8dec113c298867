"""The demo page: the static folder that `make web` builds."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from runtime_server.errors import DemoNotBuiltError

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


class DemoFiles(StaticFiles):
    """StaticFiles with fixed media types, whose folder may be built after the server starts."""

    def __init__(self, root: Path) -> None:
        super().__init__(directory=root, html=True, check_dir=False)
        self._root = root

    async def check_config(self) -> None:
        """Raise DemoNotBuiltError where there is no page."""
        if not (self._root / "index.html").is_file():
            raise DemoNotBuiltError("`make web` builds it into DEMO_ROOT")

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
