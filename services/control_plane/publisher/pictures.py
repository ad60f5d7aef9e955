"""An API's picture. What it is, its first bytes say: nobody's word is taken for it."""

import re
from typing import Final

from sqlmodel import Session

from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.publisher import file_repository
from services.control_plane.publisher.errors import no_picture, too_long
from services.control_plane.publisher.models import Api

MAX_PICTURE_BYTES: Final = 64 * 1024

MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/webp")
"""Not SVG: it is a document that may hold scripts."""

_BEGINNINGS: Final = (rb"\x89PNG\r\n\x1a\n", rb"\xff\xd8\xff", rb"RIFF.{4}WEBP")


def media_type_of(content: bytes) -> str | None:
    """Return what kind of picture it is, or None."""
    for media_type, beginning in zip(MEDIA_TYPES, _BEGINNINGS, strict=True):
        if re.match(beginning, content, re.DOTALL):
            return media_type
    return None


class PictureService:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def read(self, session: Session, api: Api) -> tuple[bytes, str]:
        """Return a picture and its media type. Raises `NotFoundError`."""
        content = file_repository.find_thumbnail(session, api.id)
        if content is None or api.thumbnail is None:
            raise NotFoundError
        return content, api.thumbnail

    def put(self, session: Session, api: Api, content: bytes, if_match: str | None) -> None:
        preconditions.check(if_match, api.row_version)
        if not 0 < len(content) <= MAX_PICTURE_BYTES:
            raise too_long(MAX_PICTURE_BYTES)
        media_type = media_type_of(content)
        if media_type is None:
            raise no_picture()
        api.thumbnail = media_type
        api.updated_at = self._clock()
        file_repository.put_thumbnail(session, api.id, content)
        audit.record(session, "api.thumbnail", "api", api.id)

    def delete(self, session: Session, api: Api, if_match: str | None) -> None:
        preconditions.check(if_match, api.row_version)
        if api.thumbnail is None:
            raise NotFoundError
        api.thumbnail = None
        api.updated_at = self._clock()
        session.flush()
        file_repository.delete_thumbnail(session, api.id)
        audit.record(session, "api.thumbnail", "api", api.id)
