"""A page shown in the browser, without a file that would stay."""

import logging
import secrets
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

logger = logging.getLogger(__name__)

# Seconds that a browser has to start.
_PATIENCE = 60.0


def show_once(page: bytes) -> None:
    """Serve a page to this computer, at an address that nobody can guess, and open it there.

    The server ends when the page was fetched, or after a minute.

    Parameters
    ----------
    page : bytes
        HTML in UTF-8.
    """
    path, was_asked = f"/{secrets.token_urlsafe(16)}", threading.Event()

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # of a connection on which nothing comes

        def do_GET(self) -> None:
            if self.path != path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
            was_asked.set()

        def log_message(self, *args: Any) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}{path}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        if webbrowser.open(address):
            was_asked.wait(_PATIENCE)
        else:
            logger.warning("No browser could be opened. Save the page, and open the file.")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
