"""What an API says about how its backend is spoken to."""

from base64 import b64encode
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from services.control_plane.kit.text import refuse_controls
from services.control_plane.publisher.certificates import check_ca_certificate, check_client_certificate
from shared.definition import BackendCredentials
from shared.headers import CREDENTIALS, is_reserved, plain

MAX_SET_HEADERS: Final = 30
MAX_HEADER_LENGTH: Final = 2000
MAX_PEM_LENGTH: Final = 64 * 1024

_NAME: Final = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"  # RFC 9110, section 5.6.2
_VALUE: Final = r"^[!-~]([\t -~]*[!-~])?$"  # section 5.5, in ASCII


def check_header_name(name: str) -> str:
    if is_reserved(name):
        raise ValueError("is a header that only the gateway may set")
    return name


def check_open_header_name(name: str) -> str:
    if plain(name) in CREDENTIALS:
        raise ValueError("is a credential: put it into backend_credentials, where it is kept secret")
    return name


def check_distinct(headers: dict[str, str]) -> dict[str, str]:
    if len({plain(name) for name in headers}) < len(headers):
        raise ValueError("a header is named twice: case, '_', '.' and '-' make no difference")
    return headers


HeaderName = Annotated[str, StringConstraints(pattern=_NAME, max_length=100), AfterValidator(check_header_name)]
HeaderValue = Annotated[str, StringConstraints(pattern=_VALUE, max_length=MAX_HEADER_LENGTH)]
SetHeaders = Annotated[
    dict[Annotated[HeaderName, AfterValidator(check_open_header_name)], HeaderValue],
    Field(max_length=MAX_SET_HEADERS),
    AfterValidator(check_distinct),
]

_Pem = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PEM_LENGTH)]
CaCertificate = Annotated[_Pem, AfterValidator(check_ca_certificate)]
ClientCertificate = Annotated[_Pem, AfterValidator(check_client_certificate)]

Kept = Literal[True]
"""What is read in the place of a secret that is set, and written to keep it."""

T = TypeVar("T")
OrKept = Annotated[
    Annotated[T, Tag("")] | Annotated[Kept, Tag("kept")],
    Discriminator(lambda value: "kept" if value is True else ""),  # errors tell of what was given alone
]

_Part = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(refuse_controls)]


class BackendCredentialsBody(BaseModel):
    """A header and its value, or a user's name and password for HTTP Basic authentication."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    header: HeaderName | None = None
    value: HeaderValue | None = Field(default=None, repr=False)
    username: _Part | None = None
    password: _Part | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = self.model_fields_set
        if (
            given not in ({"header", "value"}, {"username", "password"})
            or None in self.model_dump(include=given).values()
        ):
            raise ValueError("needs either header and value, or username and password")
        if self.username and ":" in self.username:
            raise ValueError("username must not hold a colon (RFC 7617, section 2)")
        return self

    def contract(self) -> BackendCredentials:
        if self.header and self.value:
            return BackendCredentials(header=self.header, value=self.value)
        pair = f"{self.username}:{self.password}".encode()
        return BackendCredentials(header="Authorization", value=f"Basic {b64encode(pair).decode()}")
