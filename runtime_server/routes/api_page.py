"""`GET /docs`: the API to read and to try, in Swagger UI from a Python package, without a CDN."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse

from runtime_server.static_files import TypedFiles

PAGE: Final = Path(__file__).resolve().parent.parent / "api_page"


def api_page_router() -> APIRouter:
    """The page; its addresses are relative, so that it works under any prefix."""
    router = APIRouter(include_in_schema=False)

    @router.head("/docs")
    @router.get("/docs")
    async def docs() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    return router


def api_page_files() -> TypedFiles:
    """What the page loads: its start script, and Swagger UI as fastapi-offline carries it."""
    return TypedFiles(directory=PAGE, packages=[("fastapi_offline", "static")])
