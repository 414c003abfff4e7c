"""Keeps all but the page itself from the demo: other sites in the same browser, and names that lead to loopback."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only requests for this very address, and change something only for the page that came from it.

    A site that lets its own name lead to 127.0.0.1 (DNS rebinding) is told by its Host header, one that posts across
    by its Origin, which no page can leave out or forge.
    """
    port = request.url.port if request.transport is None else request.transport.get_extra_info("sockname")[1]
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if request.host not in hosts:
        raise web.HTTPMisdirectedRequest(text=f"This is the demo of SQLite Courier: http://127.0.0.1:{port}/")
    if request.method not in ("GET", "HEAD") and request.headers.get("Origin") != f"http://{request.host}":
        raise web.HTTPForbidden(text="Only the demo's own page may do that.")
    return await handler(request)


async def put_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Say that nothing from elsewhere belongs to the page, and that it belongs into no other."""
    response.headers.update(HEADERS)
