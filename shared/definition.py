from collections.abc import Mapping
from typing import Final, Literal, NewType

from pydantic import Field

from shared.contract import Contract
from shared.limits import PolicyName
from shared.validation import MessageSchema, Validation

ApiId = NewType("ApiId", str)

DEFAULT_ENVIRONMENT: Final = "default"
"""The gateway environment of pods that are given no label."""

State = Literal["CREATED", "PROTOTYPED", "PUBLISHED", "BLOCKED", "DEPRECATED", "RETIRED"]
Balance = Literal["round_robin", "failover", "least_connections"]
AuthType = Literal["oauth2", "api_key", "none"]
KeyType = Literal["PRODUCTION", "SANDBOX"]


class Endpoint(Contract):
    """The backend of one key type: ws:// or wss:// URLs."""

    urls: tuple[str, ...] = Field(min_length=1)
    balance: Balance = "round_robin"
    health_check_seconds: int | None = Field(default=None, gt=0)


class Endpoints(Contract):
    production: Endpoint | None = None
    sandbox: Endpoint | None = None

    def of(self, key_type: KeyType) -> Endpoint | None:
        return self.production if key_type == "PRODUCTION" else self.sandbox


class Auth(Contract):
    """How callers prove who they are, and the scopes that their token must carry."""

    types: tuple[AuthType, ...] = ("oauth2",)
    scopes: tuple[str, ...] = ()
    query: bool = False
    """Whether `?access_token=` and `?apikey=` will do, which browsers and proxies may write into logs."""


class PathDefinition(Contract):
    """A sub-path, such as `/rooms/{id}` or `/rooms/*`, and the scopes that it needs beside those of its API.

    `backend_path` is what the backend calls it; the policy, of level api, is counted for the path alone.
    """

    path: str
    scopes: tuple[str, ...] = ()
    backend_path: str | None = None
    policy: PolicyName | None = None


class MessageSizes(Contract):
    """The largest message in bytes, by direction; 0 means no limit."""

    publish: int = Field(default=0, ge=0)
    subscribe: int = Field(default=0, ge=0)


class MockOperation(Contract):
    """What is answered, in turn, to a message that has one of these schemas; to any where there is none."""

    schemas: tuple[int, ...] = ()
    answers: tuple[str, ...] = Field(min_length=1)


class MockChannel(Contract):
    """The operations of a path. No path is every path that no other one is. `greeting` is said unasked."""

    path: str | None = None
    operations: tuple[MockOperation, ...] = ()
    greeting: str | None = None


class Mock(Contract):
    """An API's examples, and for which keys they stand in for a backend."""

    key_types: tuple[KeyType, ...] = Field(min_length=1)
    schemas: tuple[MessageSchema, ...] = ()
    channels: tuple[MockChannel, ...] = ()


class BackendCredentials(Contract):
    """The header by which the gateway proves to a backend who it is."""

    header: str
    value: str = Field(repr=False)


class ApiDefinition(Contract):
    """A WebSocket API as a pod serves it.

    What is sealed, a PEM text and `BackendCredentials` as JSON, can be read with the key at `keys.CATALOGUE_KEY`.
    """

    id: ApiId
    name: str
    context: str
    version: str
    default: bool = False
    state: State
    endpoints: Endpoints
    mock: Mock | None = None
    auth: Auth = Auth()
    issuers: tuple[str, ...] = ()
    """The names of the external issuers whose tokens are taken beside ours."""

    paths: tuple[PathDefinition, ...] = ()
    api_policy: PolicyName | None = None
    anonymous_policy: PolicyName | None = None  # of level subscription, for each address that needs no credentials
    origins: tuple[str, ...] = ()
    max_message_bytes: MessageSizes = MessageSizes()
    validation: Validation = Validation()
    idle_timeout_seconds: int | None = None
    max_connection_age_seconds: int | None = None
    ping_interval_seconds: int | None = 30
    close_at_expiry: bool = True
    expiry_grace_seconds: int = Field(default=0, ge=0)
    set_headers: Mapping[str, str] = {}
    forward_cookies: bool = False
    backend_assertion: bool = False
    ca_certificate: str | None = None
    sealed_client_certificate: str | None = Field(default=None, repr=False)
    sealed_backend_credentials: str | None = Field(default=None, repr=False)
    environments: tuple[str, ...] = ()
    """The labels of the pods that serve it. Where none is named all do, as do pods older than this field."""

    def is_deployed_to(self, environment: str) -> bool:
        return not self.environments or environment in self.environments
