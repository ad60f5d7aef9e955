"""The token endpoint: Authlib's server on our clients and tokens. One object a request, in the thread pool."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidScopeError, OAuth2Error
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.util import scope_to_list
from fastapi import Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.guesses import Guesses
from services.control_plane.oauth import repository
from services.control_plane.oauth.assertion_grant import AssertionGrant
from services.control_plane.oauth.assertions import AssertionReader, AssertionRefusedError
from services.control_plane.oauth.clients import GrantClient
from services.control_plane.oauth.code_flow import S256, CodeGrant, RefreshGrant
from services.control_plane.oauth.device_flow import DeviceAuthorization, DeviceGrant
from services.control_plane.oauth.devices import DeviceService
from services.control_plane.oauth.dpop import DpopReader
from services.control_plane.oauth.endpoints import Introspection, Revocation
from services.control_plane.oauth.errors import InvalidClientError, InvalidProofError, SlowDownError
from services.control_plane.oauth.grants import GrantService
from services.control_plane.oauth.models import OAuthClient, OAuthGrant
from services.control_plane.oauth.proof import Proof, read_proof
from services.control_plane.oauth.requests import AuthorizationRequest, TokenRequest
from services.control_plane.oauth.revocation import Revocations
from services.control_plane.oauth.service import TOKEN_PATH, VERIFICATION_PATH, ClientService
from services.control_plane.oauth.stored import StoredAccessToken, StoredRefreshToken, StoredToken
from services.control_plane.oauth.tokens import TokenIssuer, TokenReader
from shared.claims import MANAGEMENT_AUDIENCE
from shared.dpop import ProofRefusedError

# At debug level Authlib writes down every token that it issues.
logging.getLogger("authlib").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class TokenServices:
    """What the endpoints for tokens work with."""

    clients: ClientService
    issuer: TokenIssuer
    reader: TokenReader
    revocations: Revocations
    grants: GrantService
    assertions: AssertionReader
    dpop: DpopReader
    devices: DeviceService
    guesses: Guesses
    knows: Callable[[Session, str], bool]
    """Tells whether somebody who allowed something is still there."""

    scopes_of: Callable[[Session, str], frozenset[str]]
    """Tells which management scopes somebody has now."""

    operates: Callable[[Session, str], bool]
    """Tells whether a client is an administrator of the platform."""

    clock: Clock


class TokenServer(AuthorizationServer):
    """Answers token requests within one session."""

    def __init__(self, session: Session, services: TokenServices) -> None:
        super().__init__()
        self._session = session
        self._with = services
        self._proofs: Sequence[str] = ()
        self.register_grant(ClientCredentialsGrant)
        self.register_grant(CodeGrant, [S256()])
        self.register_grant(RefreshGrant)
        self.register_grant(AssertionGrant)
        self.register_grant(DeviceGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.register_endpoint(DeviceAuthorization)
        self.register_token_generator("default", self._issue)

    def answer(self, request: TokenRequest) -> Response:
        """Return a token or an error of RFC 6749, section 5.2."""
        self._proofs = request.proofs
        return self._answer(request, ("grant_type",), lambda: self.create_token_response(request))

    def revoke(self, request: TokenRequest) -> Response:
        """Answer a revocation request (RFC 7009)."""
        return self._answer(request, ("token",), lambda: self.create_endpoint_response("revocation", request))

    def introspect(self, request: TokenRequest) -> Response:
        """Answer an introspection request (RFC 7662)."""
        return self._answer(request, ("token",), lambda: self.create_endpoint_response("introspection", request))

    def begin_device(self, request: TokenRequest) -> Response:
        """Answer a device authorization request (RFC 8628, section 3.1)."""
        return self._answer(request, (), lambda: self.create_endpoint_response("device_authorization", request))

    def authorize(self, request: AuthorizationRequest, subject: str | None) -> str:
        """Return where a person who decided goes on: with a code, or with an error where it is None."""
        grant = self.get_consent_grant(request)
        response = self.create_authorization_response(request, subject, grant)
        return self._name_issuer(str(response.headers["Location"]))

    def place_of(self, error: OAuth2Error) -> str | None:
        """Return where a person goes on after an error that the client may be told."""
        headers = dict(error()[2])
        return self._name_issuer(headers["Location"]) if "Location" in headers else None

    def query_client(self, client_id: str) -> GrantClient | None:
        row = repository.find_client(self._session, client_id) if "\0" not in client_id else None
        return None if row is None or row.disabled else GrantClient(row)

    def scopes_to_give(self, client: OAuthClient, subject: str, scopes: Sequence[str]) -> list[str]:
        """Return those of some scopes that somebody can give a client: nobody gives management scopes without them."""
        if client.audience != MANAGEMENT_AUDIENCE:
            return list(scopes)
        owned = self._with.scopes_of(self._session, subject)
        return [name for name in scopes if name in owned]

    def operates(self, client_id: str) -> bool:
        return self._with.operates(self._session, client_id)

    def knows(self, subject: str) -> bool:
        return self._with.knows(self._session, subject)

    def now(self) -> datetime:
        return self._with.clock()

    @property
    def session(self) -> Session:
        return self._session

    @property
    def assertions(self) -> AssertionReader:
        return self._with.assertions

    @property
    def devices(self) -> DeviceService:
        return self._with.devices

    @property
    def verification_uri(self) -> str:
        return self._with.issuer.issuer + VERIFICATION_PATH

    @property
    def grants(self) -> GrantService:
        return self._with.grants

    def find_token(self, token: str) -> StoredToken | None:
        """Return a token that is ours, good or not."""
        refresh = self.grants.find_refresh_token(self._session, token)
        if refresh is not None:
            return StoredRefreshToken(self._session, self.grants, *refresh, self._with.clock())
        claims = self._with.reader.read(token)
        if claims is None:
            return None
        return StoredAccessToken(self._session, self._with.revocations, claims, self._with.clock())

    def _answer(self, request: TokenRequest, needed: Sequence[str], create: Callable[[], Any]) -> Response:
        try:
            request.parse(needed)
        except OAuth2Error as error:
            response = self.handle_error_response(request, error)
        else:
            response = create()
        assert isinstance(response, Response)  # noqa: S101 - Authlib returns what handle_response made
        return response

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        return request

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Response:
        return (
            JSONResponse(body, status, dict(headers))
            if isinstance(body, dict)
            else Response(None, status, dict(headers))
        )

    def authenticate_client(
        self, request: TokenRequest, methods: Sequence[str], endpoint: str = "token"
    ) -> GrantClient:
        """Recognise the client by one of three methods, never by two (RFC 6749, section 2.3)."""
        del methods, endpoint
        proof = read_proof(request.headers.get("authorization"), request.payload.data)
        client = self._check_assertion(proof) if proof.assertion else self._check_secret(proof, request.address)
        if client is None or (proof.client_id and client.id != proof.client_id):
            raise InvalidClientError
        found = GrantClient(client)
        found.check_resource(request.payload.data.get("resource"))
        return found

    def _check_secret(self, proof: Proof, address: str) -> OAuthClient | None:
        if not proof.secret and (public := self._with.clients.find_public(self._session, proof.client_id)):
            return public
        guesser = (proof.client_id, address)
        wait_seconds = self._with.guesses.wait_seconds(guesser)
        if wait_seconds:
            raise SlowDownError(wait_seconds)
        client = self._with.clients.authenticate(self._session, proof.client_id, proof.secret)
        (self._with.guesses.succeeded if client else self._with.guesses.failed)(guesser)
        return client

    def _check_assertion(self, proof: Proof) -> OAuthClient | None:
        try:
            return self.assertions.read(self._session, proof.assertion or "")
        except AssertionRefusedError:
            return None

    def save_token(self, token: Any, request: Any) -> None:
        """Keep nothing: a token says all that there is to know of it."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""

    def _issue(
        self,
        client: GrantClient,
        scope: str | None,
        user: OAuthGrant | None = None,
        *,
        include_refresh_token: bool = False,
        **_: Any,
    ) -> dict[str, Any]:
        """Issue what was asked for, or else all that the client may have, or was granted."""
        if user is not None:
            granted = scope_to_list(scope) or []
            scopes = [name for name in granted if name in client.row.scopes]  # it may have less now than it had then
            scopes = self.scopes_to_give(client.row, user.subject, scopes)
            if granted and not scopes:
                raise InvalidScopeError
            token = self.grants.issue(self._session, client.row, user, scopes, self.thumbprint)
        else:
            allowed = client.get_allowed_scope(scope)
            if allowed is None:
                raise InvalidScopeError
            token = self._with.issuer.issue(client.row, allowed.split(), thumbprint=self.thumbprint)
        answer = {"access_token": token.access_token, "token_type": token.token_type, "expires_in": token.expires_in}
        if user is not None and include_refresh_token:
            # Who has no secret holds what refreshes by the key that it proved (RFC 9449, section 5).
            thumbprint = self.thumbprint if client.row.public else None
            answer["refresh_token"] = self.grants.new_refresh_token(self._session, user, thumbprint)
        return {**answer, "scope": token.scope} if token.scope else answer

    @cached_property
    def thumbprint(self) -> str | None:
        """Of the key that the client proves to hold, where it does (RFC 9449). Raises `InvalidProofError`."""
        if not self._proofs:
            return None
        try:
            (text,) = self._proofs
            proof = self._with.dpop.check(text, "POST", TOKEN_PATH)
            self._with.dpop.use(self._session, proof)
        except (ValueError, ProofRefusedError) as error:
            raise InvalidProofError from error
        return proof.thumbprint

    def _name_issuer(self, location: str) -> str:
        """Say who answers, so that no answer is taken for another server's (RFC 9207)."""
        return str(add_params_to_uri(location, [("iss", self._with.issuer.issuer)]))
