"""Personal access tokens: what a person gives to a script in the place of a password."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from services.control_plane.identity.errors import TooManyTokensError, not_your_scope
from services.control_plane.identity.models import PersonalToken
from services.control_plane.identity.principal import Principal
from services.control_plane.identity.schemas import PersonalTokenCreate
from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.kit.problems import ForbiddenError, NotFoundError
from services.control_plane.kit.rows import delete_until
from services.control_plane.kit.security import hash_secret, is_well_formed, new_id, new_secret

PREFIX: Final = "fgp_"
"""Scanners for leaked secrets know a token by it."""

MAX_TOKENS: Final = 50

_ENDING: Final = 4
_LISTING: Final = Listing(
    search=(col(PersonalToken.name),),
    sort={name: col(getattr(PersonalToken, name)) for name in ("name", "created_at", "expires_at")},
    unique=col(PersonalToken.id),
)


class PersonalTokenService:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def create(self, session: Session, caller: Principal, body: PersonalTokenCreate) -> tuple[PersonalToken, str]:
        """Make a token, and return it with its text. Raises `ProblemError`."""
        if not caller.is_signed_in:
            raise ForbiddenError("Only a person who signed in makes tokens: another token will not do.")
        for index, scope in enumerate(body.scopes):
            if scope not in caller.scopes:
                raise not_your_scope(f"scopes.{index}", scope)
        count = select(func.count()).where(PersonalToken.account_id == caller.account_id)
        if session.exec(count).one() >= MAX_TOKENS:
            raise TooManyTokensError(MAX_TOKENS)
        text, now = new_secret(PREFIX), self._clock()
        token = PersonalToken(
            id=new_id(),
            account_id=caller.account_id,
            name=body.name,
            token_hash=hash_secret(text),
            ends_with=text[-_ENDING:],
            scopes=list(dict.fromkeys(body.scopes)),
            created_at=now,
            expires_at=now + timedelta(seconds=body.validity_seconds),
        )
        session.add(token)
        session.flush()
        audit.record(session, "personal_token.create", "personal_token", token.id)
        return token, text

    def list(self, session: Session, account_id: str, query: PageQuery) -> tuple[Sequence[PersonalToken], int]:
        return _LISTING.fetch(session, select(PersonalToken).where(PersonalToken.account_id == account_id), query)

    def revoke(self, session: Session, account_id: str, token_id: str) -> None:
        """End a token of one's own. Raises `NotFoundError`."""
        token = session.get(PersonalToken, token_id)
        if token is None or token.account_id != account_id:
            raise NotFoundError
        session.delete(token)
        session.flush()
        audit.record(session, "personal_token.revoke", "personal_token", token_id)

    def find(self, session: Session, text: str) -> PersonalToken | None:
        """Return the token that this is the text of, unless it has expired."""
        if not is_well_formed(text, PREFIX):
            return None
        token = session.exec(select(PersonalToken).where(PersonalToken.token_hash == hash_secret(text))).first()
        return token if token is not None and token.expires_at > self._clock() else None

    def is_there(self, session: Session, token_id: str) -> bool:
        """Tell whether a token was not revoked since it was found."""
        return session.get(PersonalToken, token_id) is not None

    def sweep(self, session: Session) -> bool:
        """Forget some of what has expired, and tell whether there may be more."""
        return delete_until(session, PersonalToken.expires_at, self._clock())


def revoke_all(session: Session, account_id: str) -> None:
    """End all of somebody's tokens."""
    session.execute(delete(PersonalToken).where(col(PersonalToken.account_id) == account_id))
