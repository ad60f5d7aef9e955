"""What an API says about its sub-paths."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from services.control_plane.kit.text import ScopeToken, Word
from shared.paths import ends_open, parameters_of, shape_of, split_path

MAX_PATHS: Final = 100

_PATH: Final = re.compile(r"/|(/([A-Za-z0-9._~@:-]+|\{[A-Za-z0-9_]+\}))*(/\*)?")


def check_path(value: str) -> str:
    if not value or not _PATH.fullmatch(value):
        raise ValueError("must be a path such as /rooms/{id} or /rooms/*: letters, digits and . _ ~ @ : - beside these")
    if any(segment in (".", "..") for segment in split_path(value)):
        raise ValueError("must not have dot segments")
    return value


def check_named_once(value: str) -> str:
    names = parameters_of(value)
    if len(set(names)) < len(names):
        raise ValueError("names a segment twice")
    return value


SubPath = Annotated[str, StringConstraints(max_length=300), AfterValidator(check_path)]


class PathBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Annotated[SubPath, AfterValidator(check_named_once)]
    scopes: Annotated[list[ScopeToken], Field(max_length=50)] = []
    backend_path: SubPath | None = None
    policy: Word | None = None

    def stored(self) -> dict[str, Any]:
        """Return what is kept: a version before knows no policy, and reads paths that have none."""
        return self.model_dump(exclude={"policy"} if self.policy is None else None)

    @field_validator("backend_path")
    @classmethod
    def _check_backend_path(cls, value: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("path")
        if value is None or path is None:
            return value
        if not set(parameters_of(value)) <= set(parameters_of(path)):
            raise ValueError("names a segment that the path does not have")
        if ends_open(value) != ends_open(path):
            raise ValueError("must end with * where the path does, and only there: nothing that was asked for is lost")
        return value


def check_different(paths: list[PathBody]) -> list[PathBody]:
    seen: dict[tuple[str, ...], str] = {}
    for path in paths:
        shape = shape_of(path.path)
        if shape in seen:
            raise ValueError(f"{path.path} matches the same as {seen[shape]}: neither case nor names make a difference")
        seen[shape] = path.path
    return paths


Paths = Annotated[list[PathBody], Field(max_length=MAX_PATHS), AfterValidator(check_different)]
