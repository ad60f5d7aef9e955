"""Every query that a subscriber causes is held to what is theirs, or what they may see."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Text, and_, cast, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from services.control_plane.identity.models import Account
from services.control_plane.identity.principal import Principal
from services.control_plane.kit.pagination import Listing, PageQuery, count
from services.control_plane.kit.problems import ProblemError
from services.control_plane.publisher import searching
from services.control_plane.publisher.lifecycle import SERVED_STATES
from services.control_plane.publisher.models import Api, ApiRole, ApiTag
from services.control_plane.publisher.repository import own
from services.control_plane.store.models import ApiKey, Application, ApplicationKey, ExternalKey, Subscription

_APPLICATIONS: Final = Listing(
    search=(col(Application.name), col(Application.description)),
    sort={
        "name": col(Application.name),
        "created_at": col(Application.created_at),
        "updated_at": col(Application.updated_at),
    },
    unique=col(Application.id),
)
_API_KEYS: Final = Listing(
    search=(col(ApiKey.name), col(ApiKey.ends_with)),
    sort={
        "created_at": col(ApiKey.created_at),
        "updated_at": col(ApiKey.updated_at),
        "name": col(ApiKey.name),
        "expires_at": col(ApiKey.expires_at),
    },
    unique=col(ApiKey.id),
)
_EXTERNAL_KEYS: Final = Listing(
    search=(col(ExternalKey.client_id),),
    sort={
        "created_at": col(ExternalKey.created_at),
        "issuer": col(ExternalKey.issuer),
        "external_client_id": col(ExternalKey.client_id),
    },
    unique=col(ExternalKey.id),
)
_SUBSCRIPTIONS: Final = Listing(
    search=(col(Api.name), col(Api.context), col(Application.name)),
    sort={
        "created_at": col(Subscription.created_at),
        "updated_at": col(Subscription.updated_at),
        "api": col(Api.name),
        "application": col(Application.name),
        "state": col(Subscription.state),
    },
    unique=col(Subscription.id),
)


def add(session: Session, row: Application | ApplicationKey | ExternalKey | Subscription, exists: ProblemError) -> None:
    """Insert; raise `exists` where there is one like it."""
    session.add(row)
    save(session, exists)


def save(session: Session, exists: ProblemError) -> None:
    """Write what changed; raise `exists` where there is one like it."""
    try:
        session.flush()
    except IntegrityError as error:
        raise exists from error


def is_visible(roles: Collection[str]) -> ColumnElement[bool]:
    """Tell of an API whether it is in the store: a served one, and if it is restricted, for one of these roles."""
    admitted = select(ApiRole.api_id).where(col(ApiRole.role).in_(roles))
    return and_(col(Api.state).in_(SERVED_STATES), or_(col(Api.visibility) == "public", col(Api.id).in_(admitted)))


def _visible(roles: Collection[str]) -> SelectOfScalar[Api]:
    return select(Api).where(is_visible(roles))


def list_apis(
    session: Session, roles: Collection[str], tag: str | None, query: PageQuery, total: int | None = None
) -> tuple[Sequence[Api], int]:
    """Return one page and the total, which is counted unless it is known."""
    apis = _visible(roles)
    if tag is not None:
        apis = apis.where(col(Api.id).in_(select(ApiTag.api_id).where(ApiTag.tag == tag)))
    return searching.fetch(session, apis, query, total, private=False)


def count_apis(session: Session, roles: Collection[str]) -> int:
    return count(session, _visible(roles))


def find_api(session: Session, api_id: str, roles: Collection[str], *, hold: bool = False) -> Api | None:
    """Return an API of the store; `hold` it so that its state lasts to the end of the transaction."""
    api = _visible(roles).where(Api.id == api_id)
    return session.exec(api.with_for_update(read=True) if hold else api).first()


def find_apis_named(session: Session, name: str, caller: Principal) -> Sequence[Api]:
    """Return the versions of an API that a caller knows: from the store, as their own, or by a subscription."""
    subscribed = _joined().where(Application.owner_id == caller.account_id).subquery()
    known = or_(
        is_visible(caller.roles),
        own(caller),
        col(Api.id).in_(select(subscribed.c.api_id)),
    )
    return session.exec(select(Api).where(Api.name == name, known).order_by(col(Api.version))).all()


def origins_of(session: Session, api_id: str) -> Sequence[str]:
    """Return the origins that a served API lists, whoever may see it."""
    served = select(Api.origins).where(Api.id == api_id, col(Api.state).in_(SERVED_STATES))
    return session.exec(served).first() or ()


def list_origins(session: Session) -> Sequence[Sequence[str]]:
    """Return the origins of each served API that lists any."""
    listed = cast(col(Api.origins), Text) != "[]"
    return session.exec(select(Api.origins).where(col(Api.state).in_(SERVED_STATES), listed)).all()


def list_tags(session: Session, roles: Collection[str]) -> Sequence[tuple[str, int]]:
    visible = _visible(roles).subquery()
    counted = select(ApiTag.tag, func.count()).where(col(ApiTag.api_id).in_(select(visible.c.id)))
    return session.exec(counted.group_by(col(ApiTag.tag)).order_by(col(ApiTag.tag))).all()


def list_applications(session: Session, owner_id: str, query: PageQuery) -> tuple[Sequence[Application], int]:
    return _APPLICATIONS.fetch(session, select(Application).where(Application.owner_id == owner_id), query)


def all_applications(session: Session, owner_id: str) -> Sequence[Application]:
    return session.exec(select(Application).where(Application.owner_id == owner_id)).all()


def application_ids(session: Session, owner_id: str) -> Sequence[str]:
    return session.exec(select(Application.id).where(Application.owner_id == owner_id)).all()


def find_application(session: Session, id_: str, owner_id: str) -> Application | None:
    return session.exec(select(Application).where(Application.id == id_, Application.owner_id == owner_id)).first()


def find_application_named(session: Session, name: str, owner_id: str) -> Application | None:
    return session.exec(select(Application).where(Application.name == name, Application.owner_id == owner_id)).first()


def application_exists(session: Session, id_: str) -> bool:
    """Tell an administrator whether there is an application, whoever owns it."""
    return session.exec(select(Application.id).where(Application.id == id_)).first() is not None


def count_applications(session: Session, owner_id: str) -> int:
    """Count what an account has, and keep others from adding to it to the end of the transaction."""
    session.exec(select(Account.id).where(Account.id == owner_id).with_for_update(key_share=True)).first()
    return session.exec(select(func.count()).select_from(Application).where(Application.owner_id == owner_id)).one()


def hold_application(session: Session, id_: str) -> None:
    """Keep others from changing an application, or what is counted of it, to the end of the transaction."""
    session.exec(select(Application.id).where(Application.id == id_).with_for_update()).first()


def get_application(session: Session, id_: str) -> Application:
    """Return an application, whoever owns it."""
    return session.get_one(Application, id_)


def find_applications(session: Session, ids: Collection[str]) -> dict[str, Application]:
    """Return applications by their ids, whoever owns them."""
    found = session.exec(select(Application).where(col(Application.id).in_(ids)))
    return {application.id: application for application in found}


def list_keys(session: Session, application_id: str) -> Sequence[ApplicationKey]:
    keys = select(ApplicationKey).where(ApplicationKey.application_id == application_id)
    return session.exec(keys.order_by(col(ApplicationKey.key_type))).all()


def find_key(session: Session, application_id: str, key_type: str) -> ApplicationKey | None:
    return session.get(ApplicationKey, (application_id, key_type))


def find_key_of_client(session: Session, client_id: str) -> ApplicationKey | None:
    return session.exec(select(ApplicationKey).where(ApplicationKey.client_id == client_id)).first()


def list_external_keys(session: Session, application_id: str, query: PageQuery) -> tuple[Sequence[ExternalKey], int]:
    keys = select(ExternalKey).where(ExternalKey.application_id == application_id)
    return _EXTERNAL_KEYS.fetch(session, keys, query)


def list_mapped_clients(
    session: Session, query: PageQuery, total: int | None = None
) -> tuple[Sequence[ExternalKey], int]:
    """Return one page and the total, which is counted unless it is known."""
    return _EXTERNAL_KEYS.fetch(session, _mapped(), query, total)


def count_mapped_clients(session: Session) -> int:
    return count(session, _mapped())


def find_mapped_client(session: Session, id_: str) -> ExternalKey | None:
    """Return a key for an administrator, whoever owns its application."""
    return session.exec(_mapped().where(ExternalKey.id == id_)).first()


def all_external_keys(session: Session, application_id: str) -> Sequence[ExternalKey]:
    """Return the clients of external issuers that an application is, and hold it: none is added meanwhile."""
    hold_application(session, application_id)
    return session.exec(select(ExternalKey).where(ExternalKey.application_id == application_id)).all()


def find_external_key(session: Session, id_: str, application_id: str) -> ExternalKey | None:
    keys = select(ExternalKey).where(ExternalKey.id == id_, ExternalKey.application_id == application_id)
    return session.exec(keys).first()


def list_api_keys(session: Session, application_id: str, query: PageQuery) -> tuple[Sequence[ApiKey], int]:
    return _API_KEYS.fetch(session, select(ApiKey).where(ApiKey.application_id == application_id), query)


def all_api_keys(session: Session, application_id: str, *, hold: bool = False) -> Sequence[ApiKey]:
    """Return an application's API keys; `hold` the application so that none is added before the transaction ends."""
    if hold:
        hold_application(session, application_id)
    return session.exec(select(ApiKey).where(ApiKey.application_id == application_id)).all()


def find_api_key(session: Session, id_: str, application_id: str) -> ApiKey | None:
    return session.exec(select(ApiKey).where(ApiKey.id == id_, ApiKey.application_id == application_id)).first()


def subscriptions_of(session: Session, application_id: str) -> Sequence[Subscription]:
    return session.exec(select(Subscription).where(Subscription.application_id == application_id)).all()


def list_subscriptions(
    session: Session, owner_id: str, application_id: str | None, api_id: str | None, query: PageQuery
) -> tuple[Sequence[Subscription], int]:
    subscriptions = _joined() if _asks_for_names(query) else select(Subscription).join(Application)
    subscriptions = subscriptions.where(Application.owner_id == owner_id)
    if application_id is not None:
        subscriptions = subscriptions.where(Subscription.application_id == application_id)
    if api_id is not None:
        subscriptions = subscriptions.where(Subscription.api_id == api_id)
    return _SUBSCRIPTIONS.fetch(session, subscriptions, query)


def find_subscription(session: Session, id_: str, owner_id: str) -> Subscription | None:
    return session.exec(_joined().where(Subscription.id == id_, Application.owner_id == owner_id)).first()


def find_subscription_to(session: Session, application_id: str, api_id: str) -> Subscription | None:
    wanted = select(Subscription).where(Subscription.application_id == application_id, Subscription.api_id == api_id)
    return session.exec(wanted).first()


def all_subscriptions(
    session: Session, owner_id: str, limit: int | None = None
) -> Sequence[tuple[Subscription, Application, Api]]:
    """Return somebody's subscriptions, each with its application and its API."""
    joined = (
        select(Subscription, Application, Api)
        .join(Application, col(Application.id) == col(Subscription.application_id))
        .join(Api, col(Api.id) == col(Subscription.api_id))
    )
    owned = joined.where(Application.owner_id == owner_id)
    return session.exec(owned.order_by(col(Application.name), col(Api.route_key)).limit(limit)).all()


def subscriptions_to(session: Session, api_id: str, query: PageQuery) -> tuple[Sequence[Subscription], int]:
    """List an API's subscriptions for its publisher, whoever owns them."""
    subscriptions = _joined() if _asks_for_names(query) else select(Subscription)
    return _SUBSCRIPTIONS.fetch(session, subscriptions.where(Subscription.api_id == api_id), query)


def all_subscriptions_to(session: Session, api_id: str, limit: int) -> Sequence[Subscription]:
    return session.exec(select(Subscription).where(Subscription.api_id == api_id).limit(limit)).all()


def applications_of(session: Session, api_id: str) -> frozenset[str]:
    """Return the ids of the applications that are subscribed to an API."""
    return frozenset(session.exec(select(Subscription.application_id).where(Subscription.api_id == api_id)))


def find_published_subscription(session: Session, id_: str, caller: Principal) -> Subscription | None:
    """Return a subscription for its API's publisher, whoever owns it."""
    return session.exec(_joined().where(Subscription.id == id_, own(caller))).first()


def _asks_for_names(query: PageQuery) -> bool:
    """Tell whether a query is for names of APIs and applications. All rows are counted: a join costs with each."""
    return bool(query.q) or (query.sort or "").removeprefix("-") in ("api", "application")


def _mapped() -> SelectOfScalar[ExternalKey]:
    return select(ExternalKey).join(Application, col(Application.id) == col(ExternalKey.application_id))


def _joined() -> SelectOfScalar[Subscription]:
    return (
        select(Subscription)
        .join(Application, col(Application.id) == col(Subscription.application_id))
        .join(Api, col(Api.id) == col(Subscription.api_id))
    )
