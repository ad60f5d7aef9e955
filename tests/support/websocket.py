"""WebSocket servers in a thread, for what is tested from outside an event loop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

Handler = Callable[[ServerConnection], None]


@contextmanager
def websocket_server(
    handler: Handler,
    refuse: Callable[[Request], Response | None] = lambda _: None,
) -> Iterator[str]:
    """Run a server on a free port of 127.0.0.1 and yield its URL."""
    with serve(
        handler,
        "127.0.0.1",
        0,
        process_request=lambda _, request: refuse(request),
        select_subprotocol=lambda _, offered: offered[0] if offered else None,
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            host, port = server.socket.getsockname()
            yield f"ws://{host}:{port}"
        finally:
            server.shutdown()
            thread.join(timeout=5)


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def problem_response(status: HTTPStatus, body: bytes, **headers: str) -> Response:
    return Response(status, status.phrase, Headers({"Content-Length": str(len(body)), **headers}), body)
