"""/healthz, /readyz and /metrics of one process, and what it takes by POST, on a background thread.

Beyond loopback all is encrypted; health is for everybody, the rest for holders of a certificate of this run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..api.v1.role_pb2 import ROLE_OPERATOR, ROLE_VIEWER
from .metrics import CONTENT_TYPE
from .roles import caller_from
from .rpc_door import Listening

#: "" while all is well, otherwise the reason why not.
Check = Callable[[], str]
#: Takes the body, returns status and answer. Called on the server's threads.
Post = Callable[[bytes], tuple[int, str]]
MAX_BODY_BYTES = 1 << 20


class PortTaken(OSError):
    """Another process listens on the port."""


class HealthServer:
    """Serves until the process ends. Port 0 takes a free one; `port` is the real one."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        alive: Check,
        ready: Check,
        metrics: Callable[[], bytes],
        listening: Listening | None = None,
        posts: Mapping[str, Post] | None = None,
    ) -> None:
        pages: dict[str, Callable[[], tuple[int, bytes]]] = {
            "/healthz": lambda: _answer(alive()),
            "/readyz": lambda: _answer(ready()),
            "/metrics": lambda: (200, metrics()),
        }
        try:
            run = listening.run if listening else ""
            self._server = _Server((host, port), _handler(pages, {} if posts is None else posts, run))
        except OSError as error:
            raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self.port = int(self._server.server_address[1])
        if listening:
            # The handshake is the handler's, in a thread of its own: one slow client must not keep the others out.
            self._server.socket = listening.http_context().wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A port taken by another process must be noticed; one left behind by a process that died must not.
    allow_reuse_address = True


def _answer(problem: str) -> tuple[int, bytes]:
    return (503, f"{problem}\n".encode()) if problem else (200, b"ok\n")


def _refusal(connection: Any, run: str, role: int) -> str:
    """What keeps whoever is at the other end out; "" on loopback, where `run` is empty, or if its role is enough."""
    if not run:
        return ""
    certificate = connection.getpeercert() or {}
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return caller_from(names[0], uris).may(role, run) if names else "a certificate is needed"


def _handler(
    pages: dict[str, Callable[[], tuple[int, bytes]]], posts: Mapping[str, Post], run: str
) -> type[BaseHTTPRequestHandler]:
    """`run`: whose certificates may see the metrics or post; empty on loopback, where everybody may."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version = "ludus"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            page = pages.get(path)
            refusal = _refusal(self.connection, run, ROLE_VIEWER) if path == "/metrics" else ""
            if refusal:
                self._send(403, f"{refusal}\n".encode())
                return
            self._send(*(page() if page else (404, f"expected one of {', '.join(pages)}\n".encode())))

        def do_POST(self) -> None:
            post, size = posts.get(self.path), self.headers.get("Content-Length", "")
            if refusal := _refusal(self.connection, run, ROLE_OPERATOR):
                self._send(403, f"{refusal}\n".encode())
            elif post is None:
                self._send(404, f"expected one of {', '.join(posts) or 'nothing'}\n".encode())
            elif not size.isdigit() or int(size) > MAX_BODY_BYTES:
                self._send(413, f"a Content-Length of at most {MAX_BODY_BYTES} is needed\n".encode())
            else:
                code, text = post(self.rfile.read(int(size)))
                self._send(code, f"{text}\n".encode())

        def _send(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", CONTENT_TYPE if self.path == "/metrics" else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Scrapes are not news."""

    return Handler
