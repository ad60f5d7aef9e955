from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.security import new_id
from services.control_plane.store import repository
from services.control_plane.store.api_key_schemas import ApiKeyCreate, ApiKeyWrite
from services.control_plane.store.errors import TooManyApiKeysError, check_approved, key_type_stays, no_api_key
from services.control_plane.store.models import ApiKey, Application
from services.control_plane.store.projection import define_api_key, words_of_key, write_of_api_key
from shared.api_keys import digest_api_key, make_api_key

MAX_KEYS: Final = 50
"""Of one application: pods hold all of them in memory."""

_SHOWN_CHARACTERS: Final = 4  # of a key's end, so that people can tell keys apart


class ApiKeyService:
    """API keys of applications. Their text is in no database: who loses it makes another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get(self, session: Session, application: Application, key_id: str) -> ApiKey:
        key = repository.find_api_key(session, key_id, application.id)
        if key is None:
            raise no_api_key()
        return key

    def create(self, session: Session, application: Application, body: ApiKeyCreate) -> tuple[ApiKey, str]:
        """Return a new key and its text."""
        check_approved(application)
        if len(repository.all_api_keys(session, application.id, hold=True)) >= MAX_KEYS:
            raise TooManyApiKeysError(MAX_KEYS)
        now, text = self._clock(), make_api_key()
        key = ApiKey(
            id=new_id(),
            application_id=application.id,
            key_type=body.key_type,
            name=body.name,
            digest=digest_api_key(text),
            ends_with=text[-_SHOWN_CHARACTERS:],
            allowed_ips=list(dict.fromkeys(body.allowed_ips)),
            allowed_origins=list(dict.fromkeys(body.allowed_origins)),
            expires_at=None if body.validity_seconds is None else now + timedelta(seconds=body.validity_seconds),
            created_at=now,
            updated_at=now,
        )
        session.add(key)
        session.flush()
        self._publish(session, key, "api_key.create")
        return key, text

    def replace(self, session: Session, key: ApiKey, body: ApiKeyWrite, if_match: str | None) -> None:
        preconditions.check(if_match, key.row_version)
        if body.key_type not in (None, key.key_type):
            raise key_type_stays()
        key.name = body.name
        key.allowed_ips = list(dict.fromkeys(body.allowed_ips))
        key.allowed_origins = list(dict.fromkeys(body.allowed_origins))
        key.updated_at = self._clock()
        session.flush()
        self._publish(session, key, "api_key.update")

    def patch(self, session: Session, key: ApiKey, patch: Mapping[str, Any], if_match: str | None) -> None:
        self.replace(session, key, patched(write_of_api_key(key), patch), if_match)

    def delete(self, session: Session, key: ApiKey, if_match: str | None) -> None:
        preconditions.check(if_match, key.row_version)
        session.delete(key)
        session.flush()
        audit.record(session, "api_key.delete", "api_key", key.id, **words_of_key(key))
        outbox.record(session, "api_key", key.id, None, self._clock())

    def _publish(self, session: Session, key: ApiKey, action: str) -> None:
        audit.record(session, action, "api_key", key.id, **words_of_key(key))
        outbox.record(session, "api_key", key.id, define_api_key(key), self._clock())
