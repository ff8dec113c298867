"""Headers that every answer under a path carries, errors included."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# The page is clean of what Trusted Types forbid; Swagger UI, at /docs, is not.
DEMO_POLICY: Final = (
    f"{CONTENT_SECURITY_POLICY}; require-trusted-types-for 'script'; trusted-types default"
)


@dataclass(frozen=True)
class PathRule:
    """Headers for `prefix` and all below it; where `preflight` is set, OPTIONS is answered too."""

    prefix: str
    headers: Mapping[str, str]
    preflight: Mapping[str, str] | None = None

    def covers(self, path: str) -> bool:
        """Whether the rule holds for this path."""
        return path == self.prefix or path.startswith(f"{self.prefix.rstrip('/')}/")


PAGE: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# A later rule replaces what an earlier one says.
RULES: Final = (
    PathRule(
        "/",
        {
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        },
    ),
    PathRule("/demo", {**PAGE, "Content-Security-Policy": DEMO_POLICY}),
    PathRule("/docs", PAGE),
    PathRule(
        "/models",
        {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Accept-Ranges, Cache-Control, Content-Length, "
            "Content-Range, Digest, ETag, Repr-Digest",
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
        preflight={
            "Access-Control-Allow-Methods": "GET, HEAD",
            "Access-Control-Allow-Headers": "If-None-Match, If-Range, Range",
            "Access-Control-Max-Age": "86400",
        },
    ),
)


class PathHeaders:
    """ASGI middleware that applies the rules."""

    def __init__(self, app: ASGIApp, rules: tuple[PathRule, ...] = RULES) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add headers to the answer."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        rules = [rule for rule in self._rules if rule.covers(scope["path"])]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for rule in rules:
                    headers.update(rule.headers)
            await send(message)

        preflight = _preflight(scope, rules)
        if preflight is not None:
            return await Response(None, 204, preflight)(scope, receive, send_with_headers)
        return await self._app(scope, receive, send_with_headers)


def _preflight(scope: Scope, rules: list[PathRule]) -> Mapping[str, str] | None:
    if scope["method"] != "OPTIONS":
        return None
    return next((rule.preflight for rule in rules if rule.preflight is not None), None)
