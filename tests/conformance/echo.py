"""An echo backend on aiohttp, with permessage-deflate: `python -m tests.conformance.echo PORT`."""

import sys

from aiohttp import web


async def echo(request: web.Request) -> web.WebSocketResponse:
    connection = web.WebSocketResponse(max_msg_size=0)
    await connection.prepare(request)
    async for message in connection:
        if message.type is web.WSMsgType.TEXT:
            await connection.send_str(message.data)
        elif message.type is web.WSMsgType.BINARY:
            await connection.send_bytes(message.data)
    return connection


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/{path:.*}", echo)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
