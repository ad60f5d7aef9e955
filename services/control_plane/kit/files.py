"""Files that came from outside, and go out again so that no browser runs them."""

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends, Request, Response

_HARMLESS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}

BINARY: Final = "application/octet-stream"


async def _read_content(request: Request) -> bytes:
    return await request.body()


FileBody = Annotated[bytes, Depends(_read_content)]
"""The body as it came, whatever it is said to be."""


def describe(*media_types: str) -> dict[str, Any]:
    """Return the `content` of a body, or of an answer, that is a file."""
    return {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}}


def answers(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that sends a file."""
    return {200: describe(*media_types)}


def send_picture(content: bytes, media_type: str, etag: str, seen: str | None) -> Response:
    """Return a picture, or only that it is the one which was seen."""
    headers = {**_HARMLESS, "ETag": etag}
    return Response(status_code=304, headers=headers) if seen == etag else Response(content, 200, headers, media_type)


def send_attachment(content: bytes, name: str, etag: str) -> Response:
    """Return a file to be saved (RFC 6266): it is never shown."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, 200, {**_HARMLESS, "ETag": etag, "Content-Disposition": disposition}, BINARY)
