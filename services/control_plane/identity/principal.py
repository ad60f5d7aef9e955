from dataclasses import dataclass

from services.control_plane.identity.models import Account


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from, with the scopes that it may use."""

    account_id: str
    name: str
    scopes: frozenset[str]
    roles: frozenset[str]


def principal_of(account: Account, granted: frozenset[str], token_scopes: frozenset[str]) -> Principal:
    """Return the account as a caller: what its token says, less what it no longer has."""
    return Principal(account.id, account.name, granted & token_scopes, frozenset(link.role for link in account.roles))
