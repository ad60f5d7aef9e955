from typing import Any, Final

from fastapi import APIRouter, Depends, Response

from services.control_plane.kit.routing import ReadingRoute
from services.control_plane.kit.unit_of_work import Unit, see_all
from services.control_plane.oauth.dependencies import Issuer, Ring, TokenForm, Tokens
from services.control_plane.oauth.schemas import (
    DeviceCodesRead,
    IntrospectionRead,
    Jwks,
    OAuthErrorRead,
    ServerMetadata,
    TokenRead,
)
from services.control_plane.oauth.server import TokenServer
from services.control_plane.oauth.service import SUPPORTED_GRANT_TYPES, TOKEN_PATH
from shared.claims import ALGORITHMS

AUTHORIZE_PATH: Final = "/oauth2/authorize"
JWKS_PATH: Final = "/oauth2/jwks"

DEVICE_PATH: Final = "/oauth2/device_authorization"
REVOKE_PATH: Final = "/oauth2/revoke"
INTROSPECT_PATH: Final = "/oauth2/introspect"

_AUTH_METHODS: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")


def _form(required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI says of a form, with the parameters that every one has."""
    shared = {
        name: {"type": "string"} for name in ("client_id", "client_secret", "client_assertion_type", "client_assertion")
    }
    schema = {"type": "object", "required": [required], "properties": properties | shared}
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


_TOKEN_FORM: Final = _form(
    "grant_type",
    grant_type={"type": "string", "enum": list(SUPPORTED_GRANT_TYPES)},
    **{
        name: {"type": "string"}
        for name in (
            "scope",
            "code",
            "redirect_uri",
            "code_verifier",
            "refresh_token",
            "assertion",
            "device_code",
            "resource",
        )
    },
)
_DEVICE_FORM: Final = _form("client_id", scope={"type": "string"})
_FORM: Final = _form(
    "token",
    token={"type": "string"},
    token_type_hint={"type": "string", "enum": ["access_token", "refresh_token"]},
)
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": OAuthErrorRead, "description": "an error of RFC 6749, section 5.2"},
    401: {"model": OAuthErrorRead, "description": "`invalid_client`"},
}

router = APIRouter(tags=["oauth"], route_class=ReadingRoute, dependencies=[Depends(see_all)])


@router.post(TOKEN_PATH, response_model=TokenRead, responses=_ERRORS, openapi_extra=_TOKEN_FORM)
def create_token(form: TokenForm, unit: Unit, tokens: Tokens) -> Response:
    if form.may_change():
        unit.will_write()
    answer = TokenServer(unit.session, tokens).answer(form)
    unit.finish(answer)  # here: the route would go to another thread for it
    return answer


@router.post(DEVICE_PATH, response_model=DeviceCodesRead, responses=_ERRORS, openapi_extra=_DEVICE_FORM)
def authorize_device(form: TokenForm, unit: Unit, tokens: Tokens) -> Response:
    """Begin at a device without a browser (RFC 8628): a person decides at `verification_uri`, and the device polls."""
    unit.will_write()
    return TokenServer(unit.session, tokens).begin_device(form)


@router.post(REVOKE_PATH, response_model=dict[str, Any], responses=_ERRORS, openapi_extra=_FORM)
def revoke_token(form: TokenForm, unit: Unit, tokens: Tokens) -> Response:
    """End a token of one's own before its time (RFC 7009)."""
    unit.will_write()
    return TokenServer(unit.session, tokens).revoke(form)


@router.post(INTROSPECT_PATH, response_model=IntrospectionRead, responses=_ERRORS, openapi_extra=_FORM)
def introspect_token(form: TokenForm, unit: Unit, tokens: Tokens) -> Response:
    """Tell whether a token of one's own is good, and what it says (RFC 7662)."""
    if form.brings_assertion():
        unit.will_write()
    return TokenServer(unit.session, tokens).introspect(form)


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
        authorization_endpoint=issuer.issuer + AUTHORIZE_PATH,
        registration_endpoint=issuer.issuer + "/oauth2/register",
        response_types_supported=["code"],
        response_modes_supported=["query"],
        code_challenge_methods_supported=["S256"],
        authorization_response_iss_parameter_supported=True,
        token_endpoint_auth_methods_supported=list(_AUTH_METHODS),
        dpop_signing_alg_values_supported=list(ALGORITHMS),
        token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        device_authorization_endpoint=issuer.issuer + DEVICE_PATH,
        revocation_endpoint=issuer.issuer + REVOKE_PATH,
        revocation_endpoint_auth_methods_supported=list(_AUTH_METHODS),
        introspection_endpoint=issuer.issuer + INTROSPECT_PATH,
        introspection_endpoint_auth_methods_supported=list(_AUTH_METHODS[:-1]),
    )
