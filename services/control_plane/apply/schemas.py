"""A manifest: what there is to be, each entry as the body that makes it, with names in place of ids."""

from collections.abc import Callable, Hashable, Sequence
from typing import Annotated, Any, Final, Literal, Self, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.control_plane.apply.errors import at
from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.reading import take_document
from services.control_plane.kit.data_urls import read_data_url
from services.control_plane.kit.text import Name, Word
from services.control_plane.publisher.document_schemas import MAX_DOCUMENTS, MAX_FILE_BYTES, DocumentWrite, FileName
from services.control_plane.publisher.pictures import MAX_PICTURE_BYTES, media_type_of
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


def _leave_out_mark(value: Any) -> Any:
    """Leave out what an API that is read says of its picture: only whether there is one."""
    return None if isinstance(value, bool) else value


Version = Annotated[ApiVersion, BeforeValidator(_refuse_number)]
EntryState = Annotated[
    Literal["created", "prototyped", "published", "blocked", "deprecated", "retired"], BeforeValidator(_lower)
]


def _hold_file(most: int, *, picture: bool = False) -> AfterValidator:
    """Return a validator of data URLs."""

    def check(url: str) -> str:
        content = read_data_url(url)
        if not 0 < len(content) <= most:
            raise ValueError(f"must be of 1 to {most} bytes")
        if picture and media_type_of(content) is None:
            raise ValueError("must be a picture: PNG, JPEG or WebP")
        return url

    return AfterValidator(check)


class DocumentEntry(DocumentWrite):
    """A document of an API. One whose source is a file has that as a data URL; without it the file stays as it is."""

    read_only = DocumentWrite.read_only - {"file_name"}

    file: Annotated[str, _hold_file(MAX_FILE_BYTES)] | None = None
    file_name: FileName | None = None

    @model_validator(mode="after")
    def _check_file(self) -> Self:
        if self.source != "file" and (self.file, self.file_name) != (None, None):
            raise ValueError("file and file_name go with source 'file' alone")
        if (self.file is None) != (self.file_name is None):
            raise ValueError("file and file_name go together")
        return self

    def body(self) -> DocumentWrite:
        """Return the body that puts it, but for its file."""
        return DocumentWrite.model_validate(self.model_dump(include=set(DocumentWrite.model_fields)))


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


Thumbnail = Annotated[
    Annotated[str, _hold_file(MAX_PICTURE_BYTES, picture=True)] | None, BeforeValidator(_leave_out_mark)
]


class ApiEntry(ApiWrite):
    """An API, and the state that it is brought to: none where it stays in the state that it has.

    `documents` are all that it is to have. Without them, `asyncapi` or a `thumbnail` those that it has stay.
    """

    read_only = ApiWrite.read_only - {"state", "thumbnail"}

    version: Version
    state: EntryState | None = None
    asyncapi: dict[str, Any] | None = None
    documents: Documents | None = None
    thumbnail: Thumbnail = None

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

    def check_asyncapi(self) -> None:
        """Raise `InvalidError` where an API's document is none of AsyncAPI. It takes a while."""
        for index, api in enumerate(self.apis):
            if api.asyncapi is not None:
                with at(f"apis.{index}.asyncapi"):
                    check(take_document(api.asyncapi))


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
