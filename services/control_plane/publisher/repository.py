from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, true
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, or_, select

from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import ADMIN
from services.control_plane.kit.pagination import Listing, PageQuery, count
from services.control_plane.kit.tenancy import everywhere
from services.control_plane.publisher import searching
from services.control_plane.publisher.errors import (
    ApiExistsError,
    ApiInUseError,
    CategoryExistsError,
    CategoryInUseError,
)
from services.control_plane.publisher.models import Api, ApiMaintainer, Category, LifecycleEvent

_CATEGORIES: Final = Listing(
    search=(col(Category.name), col(Category.description)),
    sort={"name": col(Category.name), "created_at": col(Category.created_at)},
    unique=col(Category.name),
)


def own(caller: Principal) -> ColumnElement[bool]:
    """Hold a query to APIs that a caller owns or maintains, or to nothing where the caller administers."""
    if ADMIN in caller.scopes:
        return true()
    maintained = select(ApiMaintainer.api_id).where(col(ApiMaintainer.role).in_(caller.roles))
    return or_(col(Api.owner) == caller.account_id, col(Api.id).in_(maintained))


def find(session: Session, id_: str) -> Api | None:
    """Return an API, whoever owns it."""
    return session.get(Api, id_)


def find_own(session: Session, id_: str, caller: Principal) -> Api | None:
    return session.exec(select(Api).where(Api.id == id_, own(caller))).first()


def is_own(session: Session, id_: str, caller: Principal) -> bool:
    return session.exec(select(Api.id).where(Api.id == id_, own(caller))).first() is not None


def find_own_routed(session: Session, context: str, version: str, caller: Principal) -> Api | None:
    """Return a caller's API of a context and version, which differ by case alone from no other's."""
    routed = select(Api).where(Api.route_key == f"{context}/{version}".lower(), own(caller))
    return session.exec(routed).first()


def hold(session: Session, ids: Sequence[str]) -> None:
    """Keep others from changing APIs, or from subscribing to them, to the end of the transaction."""
    session.exec(select(Api.id).where(col(Api.id).in_(ids)).order_by(col(Api.id)).with_for_update()).all()


def hold_versions(session: Session, context_key: str) -> None:
    """Hold all versions in a context, in the order of `hold`: in another, two that hold would wait for each other."""
    versions = select(Api.id).where(Api.context_key == context_key)
    session.exec(versions.order_by(col(Api.id)).with_for_update()).all()


def list_owned(session: Session, owner: str, limit: int | None = None) -> Sequence[Api]:
    owned = select(Api).where(Api.owner == owner)
    return session.exec(owned.order_by(col(Api.route_key)).limit(limit)).all()


def exists(session: Session, id_: str) -> bool:
    return session.exec(select(Api.id).where(Api.id == id_)).first() is not None


def list_page(
    session: Session, caller: Principal, query: PageQuery, total: int | None = None
) -> tuple[Sequence[Api], int]:
    """Return one page and the total, which is counted unless it is known."""
    return searching.fetch(session, select(Api).where(own(caller)), query, total, private=True)


def count_all(session: Session) -> int:
    return count(session, select(Api))


def add(session: Session, api: Api) -> None:
    """Insert. Raises `ApiExistsError`."""
    session.add(api)
    save(session)


def save(session: Session) -> None:
    """Write what changed. Raises `ApiExistsError`."""
    try:
        session.flush()
    except IntegrityError as error:
        raise ApiExistsError from error


def delete(session: Session, api: Api) -> None:
    """Delete. Raises `ApiInUseError`."""
    session.delete(api)
    try:
        session.flush()
    except IntegrityError as error:  # a foreign key
        raise ApiInUseError from error


def find_confusable(session: Session, context_key: str, route_key: str) -> tuple[str, str] | None:
    """Return whose and where an API is whose paths would begin with another's context and version, or the reverse.

    All organisations share one space of addresses.
    """
    segments = context_key.split("/")
    leading = ["/".join(segments[: end + 1]) for end in range(1, len(segments))]
    shadowed = col(Api.context_key).startswith(f"{route_key}/", autoescape=True)
    confusable = select(Api.organisation, Api.context, Api.version).where(
        or_(col(Api.route_key).in_(leading), Api.context_key == route_key, shadowed)
    )
    with everywhere(session):
        found = session.exec(confusable).first()
    return (found[0], f"{found[1]}/{found[2]}") if found else None


def find_owner(session: Session, context_key: str) -> str | None:
    """Return whose the first version in a context is."""
    versions = select(Api.owner).where(Api.context_key == context_key)
    return session.exec(versions.order_by(col(Api.created_at), col(Api.id)).limit(1)).first()


def find_default(session: Session, context_key: str) -> Api | None:
    return session.exec(select(Api).where(Api.context_key == context_key, col(Api.is_default))).first()


def list_versions(session: Session, context_key: str, caller: Principal) -> Sequence[Api]:
    """Return the versions in a context that the caller may manage, the newest first."""
    versions = select(Api).where(Api.context_key == context_key, own(caller))
    return session.exec(versions.order_by(col(Api.created_at).desc())).all()


def list_older(session: Session, api: Api, caller: Principal) -> Sequence[Api]:
    """Return the published versions that were made before an API and that the caller may manage, the newest first."""
    older = select(Api).where(
        Api.context_key == api.context_key,
        Api.state == "PUBLISHED",
        col(Api.id) != api.id,
        col(Api.created_at) <= api.created_at,
        own(caller),
    )
    return session.exec(older.order_by(col(Api.created_at).desc(), col(Api.id))).all()


def find_category(session: Session, name: str) -> Category | None:
    return session.get(Category, name)


def list_categories(session: Session, query: PageQuery) -> tuple[Sequence[Category], int]:
    return _CATEGORIES.fetch(session, select(Category), query)


def add_category(session: Session, category: Category) -> None:
    """Insert. Raises `CategoryExistsError`."""
    session.add(category)
    try:
        session.flush()
    except IntegrityError as error:
        raise CategoryExistsError from error


def delete_category(session: Session, category: Category) -> None:
    """Delete. Raises `CategoryInUseError`."""
    session.delete(category)
    try:
        session.flush()
    except IntegrityError as error:  # a foreign key
        raise CategoryInUseError from error


def list_events(session: Session, api_id: str) -> Sequence[LifecycleEvent]:
    events = select(LifecycleEvent).where(LifecycleEvent.api_id == api_id)
    return session.exec(events.order_by(col(LifecycleEvent.id))).all()
