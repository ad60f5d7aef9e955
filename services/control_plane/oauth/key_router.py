from fastapi import APIRouter, Response

from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.oauth.dependencies import Signing
from services.control_plane.oauth.projection import read_signing_key
from services.control_plane.oauth.schemas import SigningKeyRead, SigningKeysRead

router = APIRouter(prefix="/admin/v1/signing-keys", tags=["signing keys"], route_class=UnitOfWorkRoute)


@router.get("")
def list_signing_keys(unit: Unit, signing: Signing) -> SigningKeysRead:
    return SigningKeysRead(items=[read_signing_key(key) for key in signing.list_keys(unit.session)])


@router.post("/rotate", responses=declare("conflict"))
def rotate_signing_keys(unit: Unit, signing: Signing) -> SigningKeyRead:
    """Sign with the next key from now on, and return it."""
    return read_signing_key(signing.rotate(unit.session))


@router.delete("/{kid}", status_code=204, responses=declare("not_found", "conflict"), response_class=Response)
def delete_signing_key(kid: ResourceId, unit: Unit, signing: Signing) -> None:
    """Forget a retired key before its time: all tokens that it signed stop being good."""
    signing.revoke(unit.session, kid)
