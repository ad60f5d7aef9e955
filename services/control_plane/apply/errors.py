from collections.abc import Iterator
from contextlib import contextmanager

from services.control_plane.kit.problems import ConflictError, InvalidError, NotFoundError, ProblemError
from shared.definition import State


class NoWayError(ConflictError):
    def __init__(self, state: State, target: State) -> None:
        super().__init__(f"No transitions lead from {state} to {target}.")


class TooMuchError(ConflictError):
    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"You have more than {limit} {what}: too many for one manifest.")


def unknown_application(name: str) -> InvalidError:
    return InvalidError.of("application", f"you have no application {name!r}, nor does the manifest name it")


def unknown_api(name: str, version: str | None) -> InvalidError:
    return InvalidError.of("api", f"there is no API {name!r}{f' of version {version}' if version else ''} in the store")


def version_needed(name: str, versions: list[str]) -> InvalidError:
    return InvalidError.of("version", f"{name!r} has several: {', '.join(versions)}")


def named_twice() -> InvalidError:
    return InvalidError.of("api", "another entry is for the same application and API")


def named_as_file() -> InvalidError:
    return InvalidError.of(
        "name", "a file of the API has it, which a manifest leaves as it is: take another, or delete it"
    )


@contextmanager
def at(place: str) -> Iterator[None]:
    """Name the place in the manifest where an error of the block comes from."""
    try:
        yield
    except NotFoundError as error:
        raise InvalidError.of(place, error.detail or "not found") from error
    except ProblemError as error:
        found = error.members.get("errors")
        error.members["errors"] = (
            [{**item, "field": f"{place}.{item['field']}"} for item in found]
            if found
            else [{"field": place, "message": error.detail or error.slug}]
        )
        raise
