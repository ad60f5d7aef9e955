from typing import Annotated, Final

from fastapi import APIRouter, Body, Response

from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.oauth.schemas import TokenRead
from services.control_plane.store import repository
from services.control_plane.store.dependencies import Keys, Own
from services.control_plane.store.projection import read_key, read_token
from services.control_plane.store.schemas import (
    ConsumerSecretRead,
    KeyCreate,
    KeyCreated,
    KeyRead,
    KeyWrite,
    SecretRegenerate,
    TokenCreate,
)
from shared.definition import KeyType

PREFIX: Final = "/store/v1/applications/{application_id}/keys"

router = APIRouter(prefix=PREFIX, tags=["keys"], route_class=UnitOfWorkRoute)


@router.get("", responses=declare("not_found"))
def list_keys(application: Own, unit: Unit, keys: Keys) -> list[KeyRead]:
    rows = repository.list_keys(unit.session, application.id)
    return [read_key(row, keys.client_of(unit.session, row)) for row in rows]


@router.post("", status_code=201, responses=declare("not_found", "already_exists", "conflict"))
def create_key(application: Own, body: KeyCreate, unit: Unit, keys: Keys, response: Response) -> KeyCreated:
    key, new = keys.create(unit.session, application, body)
    response.headers["Location"] = f"{PREFIX.format(application_id=application.id)}/{key.key_type}"
    response.headers["Cache-Control"] = "no-store"
    tag(response, key.row_version)
    read = read_key(key, new.client)
    return KeyCreated(**read.model_dump(), consumer_secret=new.secret, token=read_token(keys.first_token(new)))


@router.get("/{key_type}", responses=declare("not_found"))
def get_key(application: Own, key_type: KeyType, unit: Unit, keys: Keys, response: Response) -> KeyRead:
    key = keys.get(unit.session, application, key_type)
    tag(response, key.row_version)
    return read_key(key, keys.client_of(unit.session, key))


@router.put("/{key_type}", responses=declare("not_found", "precondition_failed"))
def replace_key(
    application: Own,
    key_type: KeyType,
    body: KeyWrite,
    unit: Unit,
    keys: Keys,
    response: Response,
    if_match: IfMatch = None,
) -> KeyRead:
    key = keys.get(unit.session, application, key_type)
    client = keys.replace(unit.session, key, body, if_match)
    tag(response, key.row_version)
    return read_key(key, client)


@router.delete("/{key_type}", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_key(application: Own, key_type: KeyType, unit: Unit, keys: Keys, if_match: IfMatch = None) -> None:
    key = keys.get(unit.session, application, key_type)
    keys.delete(unit.session, key, if_match)


@router.post("/{key_type}/regenerate-secret", responses=declare("not_found"))
def regenerate_secret(
    application: Own,
    key_type: KeyType,
    unit: Unit,
    keys: Keys,
    response: Response,
    body: Annotated[SecretRegenerate | None, Body()] = None,
) -> ConsumerSecretRead:
    key = keys.get(unit.session, application, key_type)
    secret = keys.regenerate_secret(unit.session, key, (body or SecretRegenerate()).overlap_seconds)
    response.headers["Cache-Control"] = "no-store"
    tag(response, key.row_version)
    return ConsumerSecretRead(consumer_key=key.client_id, consumer_secret=secret)


@router.post("/{key_type}/token", responses=declare("not_found"))
def create_token(
    application: Own,
    key_type: KeyType,
    unit: Unit,
    keys: Keys,
    response: Response,
    body: Annotated[TokenCreate | None, Body()] = None,
) -> TokenRead:
    key = keys.get(unit.session, application, key_type)
    response.headers["Cache-Control"] = "no-store"
    return read_token(keys.issue(unit.session, key, body or TokenCreate()))
