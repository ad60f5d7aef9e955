"""Token requests: from Starlette to Authlib."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from fastapi import Request
from starlette.datastructures import Headers

_FORM: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 50

# Authlib asks for TLS by the request's URL. Ours may have ended in front of us: whether it is used is said by
# FRAMEGATE_PUBLIC_URL, and nothing in the request can tell.
_URI: Final = "https://framegate/oauth2/token"


class TokenRequest(OAuth2Request):
    """A token request whose body was read already. Query parameters are not looked at (RFC 6749, section 3.2)."""

    def __init__(self, headers: Headers, body: bytes, address: str) -> None:
        self.address = address
        self.proofs = headers.getlist("dpop")  # more than one is for others to refuse
        super().__init__("POST", _URI, headers=headers)
        self._content_type = headers.get("content-type", "")
        self._content = body
        self.payload = BasicOAuth2Payload({})

    def may_change(self) -> bool:
        """Tell whether the request may use something up, such as a code. One that can't be read does not."""
        return bool(self.proofs) or self.brings_assertion() or self._peek().get("grant_type") != "client_credentials"

    def brings_assertion(self) -> bool:
        """Tell whether the client proves itself with what is good once."""
        return "client_assertion" in self._peek()

    def _peek(self) -> dict[str, str]:
        try:
            return read_parameters(self._content)
        except InvalidRequestError:
            return {}

    @property
    def form(self) -> Any:
        return self.payload.data

    def parse(self, needed: Sequence[str]) -> None:
        """Read the form, which must have these parameters. Raises `InvalidRequestError`."""
        if self._content_type.partition(";")[0].strip().lower() != _FORM:
            raise InvalidRequestError(f"The body must be {_FORM}.")
        self.payload = BasicOAuth2Payload(read_parameters(self._content))
        for name in needed:
            if name not in self.payload.data:
                raise InvalidRequestError(f"The parameter {name} is missing.")


class AuthorizationRequest(OAuth2Request):
    """What a browser brought: a query (RFC 6749, section 4.1.1)."""

    def __init__(self, query: bytes) -> None:
        """Read the query. Raises `InvalidRequestError`."""
        super().__init__("GET", _URI)
        self.payload = BasicOAuth2Payload(read_parameters(query))
        self.scope = ""


def read_parameters(content: bytes) -> dict[str, str]:
    """Return the parameters of a form or a query. Raises `InvalidRequestError`."""
    try:
        pairs = parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise InvalidRequestError("The parameters can't be read.") from error
    # RFC 6749, sections 3.1 and 3.2: none more than once, and one without a value counts as not sent.
    if any(count > 1 for count in Counter(name for name, _ in pairs).values()):
        raise InvalidRequestError("A parameter is repeated.")
    return {name: value for name, value in pairs if value}


async def read_token_request(request: Request) -> TokenRequest:
    address = request.client.host if request.client else ""
    return TokenRequest(request.headers, await request.body(), address)
