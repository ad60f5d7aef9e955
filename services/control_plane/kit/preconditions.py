"""Versions of resources: `ETag` out, `If-Match` in (RFC 9110, sections 8.8.3 and 13.1.1)."""

from typing import Annotated

from fastapi import Header, Response

from services.control_plane.kit.problems import PreconditionFailedError

IfMatch = Annotated[str | None, Header(max_length=1000)]


def etag(version: int) -> str:
    return f'"{version}"'


def tag(response: Response, version: int) -> None:
    response.headers["ETag"] = etag(version)


def check(if_match: str | None, version: int) -> None:
    """Go on only with the version that the caller read. Raises `PreconditionFailedError`."""
    if if_match is None or if_match.strip() == "*":
        return
    # RFC 9110, section 13.1.1: the comparison is strong, so weak tags never match.
    if etag(version) not in (part.strip() for part in if_match.split(",")):
        raise PreconditionFailedError(headers={"ETag": etag(version)})
