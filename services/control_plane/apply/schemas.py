"""A manifest: what there is to be, each entry as the body that makes it, with names in place of ids."""

from collections.abc import Callable, Hashable, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from services.control_plane.kit.text import Name, Word
from services.control_plane.publisher.document_schemas import MAX_DOCUMENTS, DocumentWrite
from services.control_plane.publisher.schemas import ApiVersion, ApiWrite
from services.control_plane.store.schemas import ApplicationWrite
from services.control_plane.throttling.schemas import PolicyBody
from shared.definition import State
from shared.limits import Level

MAX_ENTRIES: Final = 500

T = TypeVar("T")

_STRICT: Final = ConfigDict(extra="forbid")


def _refuse_number(value: Any) -> Any:
    if isinstance(value, int | float):
        message = "must be a text: put it in quotes, for YAML takes it for a number"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports no other error
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Version = Annotated[ApiVersion, BeforeValidator(_refuse_number)]
EntryState = Annotated[
    Literal["created", "prototyped", "published", "blocked", "deprecated", "retired"], BeforeValidator(_lower)
]


class DocumentEntry(DocumentWrite):
    """A document of an API: a text or a link, for a manifest holds no files."""

    source: Literal["markdown", "url"] = "markdown"


def _each_once(key: Callable[[T], Hashable], what: str) -> AfterValidator:
    """Return a validator that refuses entries for the same thing."""

    def check(entries: Sequence[T]) -> Sequence[T]:
        seen: dict[Hashable, int] = {}
        for index, entry in enumerate(entries):
            first = seen.setdefault(key(entry), index)
            if first != index:
                raise ValueError(f"{first} and {index} have the same {what}")
        return entries

    return AfterValidator(check)


Documents = Annotated[
    list[DocumentEntry], Field(max_length=MAX_DOCUMENTS), _each_once(lambda entry: entry.name, "name")
]


class ApiEntry(ApiWrite):
    """An API, and the state that it is brought to: none where it stays in the state that it has.

    `documents` are all texts and links that it is to have; without them they stay as they are.
    """

    read_only = ApiWrite.read_only - {"state"}

    version: Version
    state: EntryState | None = None
    documents: Documents | None = None

    @property
    def target(self) -> State | None:
        return cast("State", self.state.upper()) if self.state else None


class SubscriptionEntry(BaseModel):
    """A subscription of an application of the caller's. The version is needed where several come into question."""

    model_config = _STRICT

    application: Name
    api: Name
    version: Version | None = None
    policy: Word


def _one_default(entries: Sequence[ApiEntry]) -> Sequence[ApiEntry]:
    """Refuse two defaults of a context: each would take it from the other, at every apply anew."""
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if entry.default and (first := seen.setdefault(entry.context.lower(), index)) != index:
            raise ValueError(f"{first} and {index} are both the default of their context")
    return entries


_LIST: Final[Any] = Field(max_length=MAX_ENTRIES, default_factory=list)


class Manifest(BaseModel):
    """Policies, APIs, applications and subscriptions as they are to be."""

    model_config = _STRICT

    policies: Annotated[list[PolicyBody], _LIST, _each_once(lambda entry: (entry.level, entry.name), "level and name")]
    apis: Annotated[
        list[ApiEntry],
        _LIST,
        _each_once(lambda entry: (entry.context.lower(), entry.version.lower()), "context and version"),
        AfterValidator(_one_default),
    ]
    applications: Annotated[list[ApplicationWrite], _LIST, _each_once(lambda entry: entry.name, "name")]
    subscriptions: Annotated[
        list[SubscriptionEntry],
        _LIST,
        _each_once(lambda entry: (entry.application, entry.api, entry.version), "application and API"),
    ]

    def urls(self) -> list[tuple[str, str]]:
        """Return the URLs of all endpoints, each with its place."""
        return [
            (f"apis.{index}.{place}", url) for index, api in enumerate(self.apis) for place, url in api.endpoints.urls()
        ]


Kind = Literal["policy", "api", "application", "subscription"]


class Change(BaseModel):
    """What was done with one thing, or would be. An API has a version, a policy a level.

    `before` and `after` hold what the fields were and are, of an update, but for secrets.
    """

    kind: Kind
    name: str
    version: str | None = None
    level: Level | None = None
    action: Literal["create", "update", "none", "delete"]
    fields: list[str] = []
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Changes(BaseModel):
    changes: list[Change]
