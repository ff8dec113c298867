"""The demo page: the static folder that `make web` builds."""

from pathlib import Path
from typing import Final

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from runtime_server.errors import DemoNotBuiltError
from runtime_server.static_files import TypedFiles

# Where the page looks for a server that it may ask; the file that the build wrote names none.
SERVER_FILE: Final = "server.json"


class DemoFiles(TypedFiles):
    """Files whose folder may be built after the server starts."""

    def __init__(self, root: Path) -> None:
        super().__init__(directory=root, html=True, check_dir=False)
        self._root = root

    async def check_config(self) -> None:
        """Raise DemoNotBuiltError where there is no page."""
        if not (self._root / "index.html").is_file():
            raise DemoNotBuiltError("`make web` builds it into DEMO_ROOT")

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; in place of SERVER_FILE, that this server may be asked, wherever it is."""
        if path == SERVER_FILE and scope["method"] in ("GET", "HEAD"):
            return JSONResponse({"server": "../"}, headers={"cache-control": "no-cache"})
        return await super().get_response(path, scope)
