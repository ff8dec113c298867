"""The demo page: the static folder that `make web` builds."""

from pathlib import Path

from runtime_server.errors import DemoNotBuiltError
from runtime_server.static_files import TypedFiles


class DemoFiles(TypedFiles):
    """Files whose folder may be built after the server starts."""

    def __init__(self, root: Path) -> None:
        super().__init__(directory=root, html=True, check_dir=False)
        self._root = root

    async def check_config(self) -> None:
        """Raise DemoNotBuiltError where there is no page."""
        if not (self._root / "index.html").is_file():
            raise DemoNotBuiltError("`make web` builds it into DEMO_ROOT")
