"""What an API asks of its messages, and what its AsyncAPI document has to say to that: it is kept above this domain."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlmodel import Session

from services.control_plane.kit.problems import FieldError, InvalidError
from services.control_plane.publisher.models import Api
from shared.definition import KeyType, Mock
from shared.validation import OnInvalid, Validation

_KEY_TYPES: dict[str, KeyType] = {"production": "PRODUCTION", "sandbox": "SANDBOX"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What happens to messages that are not valid, by direction, and for which keys a mock answers."""

    publish: OnInvalid
    subscribe: OnInvalid
    mocked: tuple[KeyType, ...]

    @classmethod
    def of(cls, api: Api) -> "Asked":
        mocked = tuple(_KEY_TYPES[environment] for environment in api.mocked)
        return cls(api.validation["publish"], api.validation["subscribe"], mocked)

    @property
    def anything(self) -> bool:
        return bool(self.mocked) or (self.publish, self.subscribe) != ("off", "off")


@dataclass(frozen=True, slots=True)
class Described:
    """What pods are told of an API's messages."""

    validation: Validation = field(default_factory=Validation)
    mock: Mock | None = None


Describe = Callable[[Session, str, Asked], Described]
"""Returns what the document of an API, by its id, has to say. Raises `InvalidError`."""


def in_the_document(error: InvalidError) -> InvalidError:
    """Return errors about an API's document as errors about the API."""
    found = [FieldError(item["field"], item["message"]) for item in error.members["errors"]]
    return InvalidError(
        errors=[
            FieldError("validation", f"{item.field} of the AsyncAPI document {item.message}")
            if item.field.startswith("/")
            else item
            for item in found
        ]
    )
