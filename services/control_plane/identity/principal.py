from dataclasses import dataclass

from services.control_plane.identity.models import Account


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from, with the scopes that it may use."""

    account_id: str
    name: str
    scopes: frozenset[str]
    roles: frozenset[str]
    kind: str
    is_signed_in: bool
    """Whether it is a person who signed in: a personal token makes no other one, and chooses no password."""


def principal_of(
    account: Account, granted: frozenset[str], token_scopes: frozenset[str], *, by_token: bool = False
) -> Principal:
    """Return the account as a caller: what its token says, less what it no longer has."""
    return Principal(
        account_id=account.id,
        name=account.name,
        scopes=granted & token_scopes,
        roles=frozenset(link.role for link in account.roles),
        kind=account.kind,
        is_signed_in=account.client_id is None and not by_token,
    )
