"""The nouns that a connection carries from stage to stage."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from multidict import CIMultiDictProxy

from services.data_plane.inspection import Checks
from services.data_plane.quota import Quotas
from shared.api_keys import ApiKeyDigest
from shared.claims import AccessClaims
from shared.definition import ApiDefinition, Endpoint, KeyType, Mock, PathDefinition
from shared.subscription import ApplicationDefinition

Headers = tuple[tuple[str, str], ...]

OWN_SUBPROTOCOL = "framegate"
"""What a browser offers beside its token when it has no subprotocol of its own; no backend sees it."""


class Request(NamedTuple):
    """What a client asked for, and from where: `address` is the connection's, or of whom a balancer connects for."""

    method: str
    target: str
    version: tuple[int, int]
    headers: CIMultiDictProxy[str]
    address: str
    secure: bool


CredentialKind = Literal["token", "api_key", "ticket"]


class Credential(NamedTuple):
    """`proof` is of a token of the scheme DPoP alone: empty where none came with it."""

    kind: CredentialKind
    value: str
    proof: str | None = None

    def __repr__(self) -> str:
        return f"Credential({self.kind!r})"  # the rest is secret


class Visitor(NamedTuple):
    """From where somebody comes: the client's address, and the page that a browser names."""

    address: str
    origin: str | None = None


class Handshake(NamedTuple):
    """A well-formed upgrade. `path` and `query` are as they came; `headers` are those that may reach the backend.

    `address` is the client's; `forwarded_for` ends with it, or with the trusted proxy that told it.
    """

    path: str
    query: str
    host: str
    key: str
    headers: Headers
    subprotocols: tuple[str, ...]
    extensions: str
    credential: Credential | None
    origin: str | None
    address: str
    secure: bool
    forwarded_for: str
    request_id: str
    cookies: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Handshake({self.request_id!r}, {self.path!r})"  # what else is there may be secret

    @property
    def visitor(self) -> Visitor:
        return Visitor(self.address, self.origin)


class Route(NamedTuple):
    """The API that answers, what its backend is asked for, and the scopes that this needs.

    `asked` is what stands behind context and version, `path` which of the API's paths that is, and `rest` what the API
    maps it to. Without `checks`, messages are passed through.
    """

    api: ApiDefinition
    rest: str
    scopes: tuple[str, ...] = ()
    asked: str = ""
    checks: Checks | None = None
    path: PathDefinition | None = None


Stage = Literal["read", "route", "authenticate", "admit", "dial", "upgrade"]


class Trace(Protocol):
    """What traces tell of one connection, where they are wanted."""

    @property
    def id(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    def enter(self, stage: Stage) -> None: ...
    def accept(self, attempt: "Attempt") -> None: ...
    def refuse(self, attempt: "Attempt", result: str, status: int | None) -> None: ...
    def end(self, outcome: "Outcome") -> None: ...


class Tracer(Protocol):
    """Begins a trace, or goes on with the client's. Of `trusted` proxies it believes whether to keep it."""

    def begin(self, request: Request, *, trusted: bool) -> Trace: ...


@dataclass(slots=True)
class Attempt:
    """How far a handshake came: what is known of it, also if it is refused."""

    request_id: str
    address: str
    trace: Trace | None = None
    api: ApiDefinition | None = None
    caller: "Caller | None" = None
    stages: list[tuple[Stage, float]] = field(default_factory=list)
    """When each began, on the clock of `time.perf_counter`."""

    def enter(self, stage: Stage) -> None:
        self.stages.append((stage, time.perf_counter()))
        if self.trace is not None:
            self.trace.enter(stage)

    @property
    def trace_id(self) -> str | None:
        return self.trace.id if self.trace is not None else None


class Caller(NamedTuple):
    """Who calls: by a token with its claims, by an API key with its digest, or by a ticket.

    An API without authentication is called by nobody: there is no application. `expires_at` is in seconds of the epoch.
    """

    application: ApplicationDefinition | None
    key_type: KeyType
    claims: AccessClaims | None = None
    api_key: ApiKeyDigest | None = None
    expires_at: int | None = None
    key_id: str | None = None
    """Which key of ours signed the token, where that is known."""

    ticket_scopes: tuple[str, ...] = ()
    """Of a ticket that stands for an application's owner, and not for a token."""

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.ticket_scopes) if self.claims is None else self.claims.scopes

    @property
    def user(self) -> str | None:
        """Whom a token was given to, if that is somebody."""
        claims = self.claims
        return claims.sub if claims and claims.sub != claims.client_id else None


ANONYMOUS = Caller(application=None, key_type="PRODUCTION")


class Admission(NamedTuple):
    """What a connection may do. A mock stands in for an endpoint."""

    endpoint: Endpoint | Mock
    quotas: Quotas


class Outcome(NamedTuple):
    """How a connection ended, for the books."""

    api: ApiDefinition
    caller: Caller
    request_id: str
    address: str
    upstream_url: str
    trace: Trace | None
    seconds: float
    ended_at: float
    """On the monotonic clock."""

    cause: str
    close_code: int
    backend_code: int
    frames_published: int
    frames_delivered: int
    messages_published: int
    messages_delivered: int
    bytes_published: int
    bytes_delivered: int
    messages_dropped: int
    delayed_seconds: float
    published_sizes: Mapping[int, int]
    """Messages by the exponent of their size: `7` is up to 128 bytes."""

    delivered_sizes: Mapping[int, int]
    round_trips: Mapping[int, int]
    """Pings of our own by the exponent of the microseconds until their pong."""

    round_trip_seconds: float
