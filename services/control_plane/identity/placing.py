"""Which organisation a new account is put into."""

from sqlmodel import Session

from services.control_plane.identity.errors import unknown_organisation
from services.control_plane.identity.principal import Principal
from services.control_plane.kit.tenancy import Organisation


def place_of(session: Session, wanted: str | None, caller: Principal) -> str:
    """Return the caller's own organisation, or the one that an administrator of the platform wants.

    Raises `InvalidError`, and tells nobody else whether there is one of that name.
    """
    if wanted is None or wanted == caller.organisation:
        return caller.organisation
    if not caller.is_of_platform or session.get(Organisation, wanted) is None:
        raise unknown_organisation(wanted)
    return wanted
