from typing import Any, Final

from fastapi import APIRouter, Response

from services.control_plane.kit.routing import ReadingRoute
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.oauth.dependencies import Clients, Issuer, Ring, TokenForm
from services.control_plane.oauth.schemas import Jwks, ServerMetadata, TokenRead
from services.control_plane.oauth.server import TokenServer
from services.control_plane.oauth.service import SUPPORTED_GRANT_TYPES

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - a path
JWKS_PATH: Final = "/oauth2/jwks"

_FORM: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": list(SUPPORTED_GRANT_TYPES)},
                        "scope": {"type": "string"},
                        "client_id": {"type": "string"},
                        "client_secret": {"type": "string"},
                    },
                }
            }
        },
    }
}
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "an error of RFC 6749, section 5.2"},
    401: {"description": "`invalid_client`"},
}

router = APIRouter(tags=["oauth"], route_class=ReadingRoute)


@router.post(TOKEN_PATH, response_model=TokenRead, responses=_ERRORS, openapi_extra=_FORM)
def create_token(form: TokenForm, unit: Unit, clients: Clients, issuer: Issuer) -> Response:
    return TokenServer(unit.session, clients, issuer).answer(form)


@router.get(JWKS_PATH)
async def read_jwks(keyring: Ring) -> Jwks:
    return Jwks(keys=keyring.jwks())


@router.get("/.well-known/oauth-authorization-server")
async def read_metadata(issuer: Issuer) -> ServerMetadata:
    return ServerMetadata(
        issuer=issuer.issuer,
        token_endpoint=issuer.issuer + TOKEN_PATH,
        jwks_uri=issuer.issuer + JWKS_PATH,
        grant_types_supported=list(SUPPORTED_GRANT_TYPES),
        response_types_supported=[],
        token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
    )
