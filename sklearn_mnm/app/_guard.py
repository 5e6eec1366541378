"""What stands before all routes: who may ask, what answers tell browsers, and the log."""

import logging
import re
import time
from collections.abc import Collection, MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

logger = logging.getLogger("sklearn_mnm.app")

# Names by which a browser on the same computer finds the server.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY_HOST = "*"
# Of uploaded maps in the log: who knows the rest of the address can open them.
MAP_ADDRESS = "/map/..."
# All comes from here, nothing that stands in a page runs, and no other site may frame it.
_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Queries, which addresses hold, are not told to PubMed; forms still tell where they come from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI application around another.

    It refuses names of hosts that are not its own, which a site could point at this computer, and
    what other sites make browsers send; links from them are fine. It adds headers and logs method,
    path, status and time, but neither what was asked nor what opens an uploaded map.

    Parameters
    ----------
    app : ASGI application
    hosts : collection of str
        Names, without port, by which the server may be called; ``"*"`` allows all.
    """

    def __init__(self, app: Any, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = {host.strip("[]").lower() for host in hosts}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        app = self.app if refusal is None else refusal
        try:
            await app(scope, receive, send_guarded)
        finally:
            milliseconds = 1000 * (time.perf_counter() - start)
            logger.info("%s %s %d %.0f ms", scope["method"], _told(scope), status, milliseconds)

    def _refusal(self, method: str, headers: Headers) -> Any:
        host = headers.get("host", "")
        name = _host_name(host)
        if ANY_HOST not in self.hosts and name not in self.hosts:
            return PlainTextResponse(
                f"This server does not go by the name {name or host!r}. To allow it, start the "
                "server with --allow-host NAME.\n",
                status_code=400,
            )
        if not _from_here(method, host, headers):
            return PlainTextResponse(
                "This came from another site. Open the page of this server and ask there.\n",
                status_code=403,
            )
        return None


def _told(scope: MutableMapping[str, Any]) -> str:
    """Path of a request, for the log."""
    # As it is understood: the token could be hidden behind escapes.
    if found := re.match(r"/+map/+[^/]*", scope["path"]):
        rest = scope["path"][found.end() :].strip("/")
        return f"{MAP_ADDRESS}{'/' * bool(rest)}{quote(rest[:40])}"
    # As it was sent, with escapes: it cannot break the line.
    return str(scope.get("raw_path", b"").decode("ascii", "backslashreplace"))


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _from_here(method: str, host: str, headers: Headers) -> bool:
    """Whether a page of this server, or no page at all, made the browser ask."""
    origin = headers.get("origin")
    # The scheme may differ, where something in front of the server does the encryption.
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        return False
    site = headers.get("sec-fetch-site", "none")
    if site in ("same-origin", "none"):
        return True
    # A link of another site that somebody followed.
    return method in ("GET", "HEAD") and headers.get("sec-fetch-dest") == "document"
