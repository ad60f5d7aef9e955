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


class TooLongError(ConflictError):
    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The documents, files and pictures of your APIs have more than {limit} bytes, too many for one manifest: "
            "files=false leaves files and pictures out."
        )


def unknown_application(name: str) -> InvalidError:
    return InvalidError.of("application", f"you have no application {name!r}, nor does the manifest name it")


def unknown_api(name: str, version: str | None) -> InvalidError:
    return InvalidError.of("api", f"there is no API {name!r}{f' of version {version}' if version else ''} in the store")


def version_needed(name: str, versions: list[str]) -> InvalidError:
    return InvalidError.of("version", f"{name!r} has several: {', '.join(versions)}")


def named_twice() -> InvalidError:
    return InvalidError.of("api", "another entry is for the same application and API")


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
            [{**item, "field": _below(place, item["field"])} for item in found]
            if found
            else [{"field": place, "message": error.detail or error.slug}]
        )
        raise


def _below(place: str, field: str) -> str:
    """Return the place of a field, which may be a pointer into a document."""
    return f"{place}{field}" if field.startswith("/") else f"{place}.{field}"
