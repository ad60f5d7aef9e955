from dataclasses import dataclass
from datetime import datetime

from services.control_plane.identity.models import Account
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION


@dataclass(frozen=True, slots=True)
class Warrant:
    """What somebody came with, as far as it ends: an access token by its `jti`, or a personal one by its id."""

    expires_at: datetime
    jti: str | None = None
    personal_token_id: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from, with the scopes that it may use."""

    account_id: str
    name: str
    scopes: frozenset[str]
    roles: frozenset[str]
    kind: str
    organisation: str
    is_signed_in: bool
    """Whether it is a person who signed in: a personal token makes no other one, and chooses no password."""

    warrant: Warrant | None = None
    """Not of whoever has a session: that is looked up itself."""

    @property
    def is_of_platform(self) -> bool:
        """Tell whether it is of the organisation whose administrators are the platform's."""
        return self.organisation == DEFAULT_ORGANISATION


def principal_of(
    account: Account, granted: frozenset[str], token_scopes: frozenset[str], warrant: Warrant | None = None
) -> Principal:
    """Return the account as a caller: what its token says, less what it no longer has."""
    return Principal(
        account_id=account.id,
        name=account.name,
        scopes=granted & token_scopes,
        roles=frozenset(link.role for link in account.roles),
        kind=account.kind,
        organisation=account.organisation,
        is_signed_in=account.client_id is None and (warrant is None or warrant.personal_token_id is None),
        warrant=warrant,
    )
