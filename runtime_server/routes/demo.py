"""`GET /demo` goes to `/demo/`, where the demo page is."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse


def demo_router() -> APIRouter:
    """The redirect; the page itself is mounted."""
    router = APIRouter(include_in_schema=False)

    @router.head("/demo")
    @router.get("/demo")
    async def demo() -> RedirectResponse:
        # Relative, so that it holds under any prefix that a proxy may have taken off.
        return RedirectResponse("demo/")

    return router
