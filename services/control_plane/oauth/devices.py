"""Devices that wait for a person with a browser elsewhere (RFC 8628)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlmodel import Session, select

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.guesses import Guesses
from services.control_plane.kit.rows import delete_until
from services.control_plane.kit.security import hash_secret
from services.control_plane.oauth.errors import SlowDownError
from services.control_plane.oauth.models import DeviceCode

VALIDITY: Final = timedelta(minutes=10)
INTERVAL_SECONDS: Final = 5

_FREE_REQUESTS: Final = 20
"""From one address: anybody may ask for codes, and each takes a row for as long as it is good."""


class DeviceService:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._requests = Guesses(clock, _FREE_REQUESTS)

    def admit(self, address: str) -> None:
        """Let an address ask for codes, but not too often. Raises `SlowDownError`."""
        if wait_seconds := self._requests.wait_seconds(("", address)):
            raise SlowDownError(wait_seconds)
        self._requests.failed(("", address))

    def keep(self, session: Session, client_id: str, scopes: Sequence[str], device_code: str, user_code: str) -> None:
        """Keep the codes of a device: what it polls with, and what it shows to a person."""
        row = DeviceCode(
            code_hash=hash_secret(device_code),
            user_code_hash=hash_secret(_normalise(user_code)),
            client_id=client_id,
            scopes=list(scopes),
            expires_at=self._clock() + VALIDITY,
            interval_seconds=INTERVAL_SECONDS,
        )
        session.add(row)
        session.flush()

    def find(self, session: Session, device_code: str) -> DeviceCode | None:
        """Return what a device polls for, and keep other polls waiting: of two that race one comes second."""
        return session.get(DeviceCode, hash_secret(device_code), with_for_update=True, populate_existing=True)

    def find_shown(self, session: Session, user_code: str) -> DeviceCode | None:
        """Return the device that shows a code, while nobody has decided."""
        hashed = hash_secret(_normalise(user_code))
        row = session.exec(select(DeviceCode).where(DeviceCode.user_code_hash == hashed).with_for_update()).first()
        waits = row is not None and row.expires_at > self._clock() and not row.denied and row.subject is None
        return row if waits else None

    def is_hasty(self, row: DeviceCode) -> bool:
        """Note that a device asks, and tell whether it did so too soon: then it must leave more time from now on."""
        now, before = self._clock(), row.asked_at
        row.asked_at = now
        hasty = before is not None and now < before + timedelta(seconds=row.interval_seconds - 1)  # for slow networks
        if hasty:
            row.interval_seconds += INTERVAL_SECONDS  # RFC 8628, section 3.5
        return hasty

    def sweep(self, session: Session) -> bool:
        """Forget some that have expired, and tell whether there may be more."""
        return delete_until(session, DeviceCode.expires_at, self._clock())


def _normalise(user_code: str) -> str:
    """Return a code as it is compared: people leave out the dash, and write small letters."""
    return "".join(char for char in user_code.upper() if char.isalnum())
