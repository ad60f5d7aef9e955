"""Dynamic registration (RFC 7591, RFC 7592): a client becomes an application with a key for production."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field, ValidationError
from sqlmodel import Session

from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.kit.problems import field_errors
from services.control_plane.kit.security import hash_secret, matches, new_id, new_secret
from services.control_plane.kit.text import Name, can_be_id
from services.control_plane.oauth.models import OAuthClient
from services.control_plane.store import repository
from services.control_plane.store.applications import ApplicationService
from services.control_plane.store.keys import KeyService
from services.control_plane.store.models import Application, ApplicationKey
from services.control_plane.store.schemas import ApplicationWrite, KeyCreate, KeyWrite

REGISTER_PATH: Final = "/oauth2/register"

_NAMES: Final = {"callback_urls": "redirect_uris", "scopes": "scope"}
_NOBODY: Final = hash_secret(new_secret())

AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]
PRIVATE_KEY_JWT: Final = "private_key_jwt"


class RegistrationRefusedError(Exception):
    """An error of RFC 7591, section 3.2.2, found before anything was changed."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": code, "error_description": description}


class ClientMetadata(BaseModel):
    """RFC 7591, section 2. What we don't know is ignored."""

    client_name: Name | None = None
    redirect_uris: list[str] = []
    grant_types: list[str] = ["authorization_code"]
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"  # noqa: S105 - a method
    jwks: dict[str, Any] | None = None
    scope: str = Field(default="", max_length=5000)


class RegistrationService:
    """Registers clients for whoever has an initial access token: one of a subscriber."""

    def __init__(self, applications: ApplicationService, keys: KeyService, public_url: str) -> None:
        self._applications = applications
        self._keys = keys
        self._public_url = public_url

    def register(self, session: Session, raw: dict[str, Any], owner_id: str) -> dict[str, Any]:
        """Make a client, and return it with its secrets. Raises `RegistrationRefusedError`."""
        metadata, settings = _read(raw)
        if self._applications.needs_approval(session):
            raise RegistrationRefusedError("access_denied", "Applications need an approval here: ask for one first.")
        body = KeyCreate(key_type="PRODUCTION", **settings.model_dump())
        named = ApplicationWrite(name=metadata.client_name or f"client-{new_id()}")
        application = self._applications.create(session, named, owner_id)
        _, new = self._keys.create(session, application, body)
        token = new_secret()
        new.client.registration_token_hash = hash_secret(token)
        answer = {**self.describe(new.client, application), "registration_access_token": token}
        if metadata.token_endpoint_auth_method != PRIVATE_KEY_JWT:
            answer |= {"client_secret": new.secret, "client_secret_expires_at": 0}
        return answer

    def find(self, session: Session, client_id: str, token: str) -> tuple[OAuthClient, ApplicationKey, Application]:
        """Return a client by its registration token. Raises `UnauthorizedError`."""
        # RFC 7592, section 2.1: a client that isn't there, or can't be, is answered as a wrong token is.
        client = session.get(OAuthClient, client_id) if can_be_id(client_id) else None
        matched = matches(token, (client.registration_token_hash if client else None) or _NOBODY)
        key = repository.find_key_of_client(session, client_id) if client and matched else None
        if client is None or key is None:
            raise UnauthorizedError("The registration token is not valid.")
        return client, key, session.get_one(Application, key.application_id)

    def replace(
        self, session: Session, client: OAuthClient, key: ApplicationKey, application: Application, raw: dict[str, Any]
    ) -> dict[str, Any]:
        """Change all that a client may say of itself. Raises `RegistrationRefusedError`."""
        if raw.get("client_id") != client.id:
            raise RegistrationRefusedError("invalid_client_metadata", "client_id must be that of the client.")
        metadata, settings = _read(raw)
        settings = settings.model_copy(update={"validity_seconds": client.token_validity_seconds})  # its owner's choice
        needs_secret = client.jwks and not metadata.jwks
        self._keys.replace(session, key, settings, None)
        if metadata.client_name is not None:
            self._applications.patch(session, application, {"name": metadata.client_name}, None)
        if not needs_secret:
            return self.describe(client, application)
        secret = self._keys.regenerate_secret(session, key, 0)  # it was never told one
        return {**self.describe(client, application), "client_secret": secret, "client_secret_expires_at": 0}

    def delete(self, session: Session, application: Application) -> None:
        self._applications.delete(session, application, None)

    def describe(self, client: OAuthClient, application: Application) -> dict[str, Any]:
        described: dict[str, Any] = {
            "client_id": client.id,
            "client_id_issued_at": int(client.created_at.timestamp()),
            "client_name": application.name,
            "redirect_uris": client.redirect_uris,
            "grant_types": client.grant_types,
            "response_types": ["code"] if "authorization_code" in client.grant_types else [],
            "token_endpoint_auth_method": PRIVATE_KEY_JWT if client.jwks else "client_secret_basic",
            "scope": " ".join(client.scopes),
            "registration_client_uri": f"{self._public_url}{REGISTER_PATH}/{client.id}",
        }
        return {**described, "jwks": client.jwks} if client.jwks else described


def _read(raw: dict[str, Any]) -> tuple[ClientMetadata, KeyWrite]:
    try:
        metadata = ClientMetadata.model_validate(raw)
        settings = KeyWrite.model_validate(
            {
                "callback_urls": metadata.redirect_uris,
                "grant_types": metadata.grant_types,
                "scopes": metadata.scope.split(),
                "jwks": metadata.jwks,
            }
        )
    except ValidationError as error:
        first = field_errors(error)[0]
        place, _, rest = first.field.partition(".")
        field = ".".join(filter(None, (_NAMES.get(place, place), rest)))
        code = "invalid_redirect_uri" if field.startswith("redirect_uris") else "invalid_client_metadata"
        raise RegistrationRefusedError(code, f"{field}: {first.message}" if field else first.message) from error
    if (metadata.token_endpoint_auth_method == PRIVATE_KEY_JWT) != bool(metadata.jwks):
        raise RegistrationRefusedError("invalid_client_metadata", "private_key_jwt and jwks go together.")
    return metadata, settings
