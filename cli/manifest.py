"""Manifests on disk: files that are read together, with the values of one environment and of variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from cli import manifest_files
from cli.errors import CommandError
from services.control_plane.apply.schemas import Manifest as ManifestBody
from services.control_plane.kit.documents import DocumentError, read_json, read_yaml
from services.control_plane.kit.merge_patch import merge
from services.control_plane.kit.problems import InvalidError, field_errors

KEYS = {  # of each section the fields that tell its entries apart
    "policies": ("level", "name"),
    "apis": ("context", "version"),
    "applications": ("name",),
    "subscriptions": ("application", "api", "version"),
}

_SUFFIXES = (".yaml", ".yml", ".json")
_DOCUMENT = ".asyncapi"  # before the suffix: a document of an API that lies beside the manifest
_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_SECRET_FIELDS = {"client_certificate", "backend_credentials"}


class UnsetSecretError(CommandError):
    """A secret that the environment does not have."""


class ManifestFile(ManifestBody):
    """A file of a manifest, as editors know it."""

    variables: Annotated[
        dict[str, str | int | float | bool | None],
        Field(default_factory=dict, description="What ${NAME} stands for; null takes it from the environment."),
    ]
    secrets: Annotated[
        list[str], Field(default_factory=list, description="Names that stand for what only the environment has.")
    ]


def make_schema() -> dict[str, Any]:
    """Return the JSON Schema of a file."""
    schema = ManifestFile.model_json_schema()
    known = schema["$defs"]["ApiEntry"]["properties"]["asyncapi"]["anyOf"]
    known.append({"type": "string", "description": "The path of a file in the manifest's folder."})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@dataclass(slots=True)
class Manifest:
    """What the files say together, and where each entry comes from."""

    sections: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in KEYS})
    origins: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in KEYS})
    variables: dict[str, Any] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def check(self) -> None:
        """Raise `CommandError` where the control plane would refuse it by its form alone."""
        if faults := find_faults(self.sections):
            lines = [f"  {self.locate(place)}: {message}" for place, message in faults]
            raise CommandError("\n".join(["the manifest is not valid", *lines]))

    def locate(self, place: str) -> str:
        """Return a place in the manifest with the file that it is in: `echo.yaml: apis.0.name`."""
        section, _, rest = place.partition(".")
        index, _, rest = rest.partition(".")
        if section not in self.origins or not index.isdigit() or int(index) >= len(self.origins[section]):
            return place
        return ".".join(part for part in (self.origins[section][int(index)], rest) if part)


def find_faults(sections: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with the form of a manifest, each fault with its place."""
    try:
        ManifestBody.model_validate(sections).check_asyncapi()
    except ValidationError as error:
        return [(item.field, item.message) for item in field_errors(error)]
    except InvalidError as error:
        return [(item["field"], item["message"]) for item in error.members["errors"]]
    return []


def load(place: Path, environment: str | None, values: Mapping[str, str], *, offline: bool = False) -> Manifest:
    """Read a file, or the files of a folder, for one environment; `values` are the process's. Raises `CommandError`.

    `offline` needs no secrets.
    """
    manifest = Manifest()
    folder = place if place.is_dir() else place.parent
    for path in _find_files(place):
        _add(manifest, path)
    if environment is not None:
        _overlay(manifest, _find_environment(folder, environment))
    manifest.sections = _Filler(manifest, values, offline=offline).fill()
    manifest.sections["apis"] = manifest_files.fill(manifest.sections["apis"], folder, manifest.locate)
    return manifest


def _find_files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    files = (path for path in place.glob("*") if path.suffix in _SUFFIXES and path.is_file())
    found = sorted(path for path in files if not path.stem.endswith(_DOCUMENT))
    if not found:
        raise CommandError(f"{place}: there is no manifest, no file that ends with {', '.join(_SUFFIXES)}")
    return found


def _find_environment(folder: Path, name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise CommandError(f"--env {name}: must be the name of a file in environments/")
    for suffix in _SUFFIXES:
        if (path := folder / "environments" / f"{name}{suffix}").is_file():
            return path
    raise CommandError(f"--env {name}: there is no {folder / 'environments' / name}.yaml")


def _add(manifest: Manifest, path: Path) -> None:
    document = _read(path)
    manifest.variables |= document.pop("variables", None) or {}
    manifest.secrets |= set(document.pop("secrets", None) or ())
    for name, entries in document.items():
        for index, entry in enumerate(entries):
            manifest.sections[name].append(entry)
            manifest.origins[name].append(f"{path.name}: {name}.{index}")


def _overlay(manifest: Manifest, path: Path) -> None:
    """Patch the entries that a file names by merge patches (RFC 7396), and replace values of variables."""
    document = _read(path)
    manifest.variables |= document.pop("variables", None) or {}
    manifest.secrets |= set(document.pop("secrets", None) or ())
    for name, patches in document.items():
        for index, patch in enumerate(patches):
            key = _key(name, patch)
            matches = [at for at, entry in enumerate(manifest.sections[name]) if _key(name, entry) == key]
            if not matches:
                said = ", ".join(f"{field} {value!r}" for field, value in zip(KEYS[name], key, strict=True))
                raise CommandError(f"{path.name}: {name}.{index}: the manifest has none with {said}")
            for at in matches:
                manifest.sections[name][at] = merge(manifest.sections[name][at], patch)


def _key(section: str, entry: Any) -> tuple[Any, ...]:
    return tuple(entry.get(name) if isinstance(entry, dict) else None for name in KEYS[section])


def _read(path: Path) -> dict[str, Any]:
    """Return a file's sections: lists, with `variables` and `secrets` beside them."""
    try:
        document = (read_json if path.suffix == ".json" else read_yaml)(path.read_bytes())
    except (OSError, DocumentError) as error:
        place = f"{error.place}: " if isinstance(error, DocumentError) and error.place else ""
        raise CommandError(f"{path}: {place}{error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise CommandError(f"{path}: must hold {', '.join(KEYS)}")
    for name, value in document.items():
        if wrong := _find_fault(name, value):
            raise CommandError(f"{path}: {name}: {wrong}")
    return {name: value for name, value in document.items() if value is not None}


def _find_fault(name: str, value: Any) -> str:
    kinds = {"variables": dict, **dict.fromkeys((*KEYS, "secrets"), list)}
    if name not in kinds:
        return f"must be one of {', '.join(kinds)}"
    if value is not None and not isinstance(value, kinds[name]):
        return "must be an object" if kinds[name] is dict else "must be a list"
    if name == "secrets" and value and not all(isinstance(secret, str) for secret in value):
        return "must be a list of names"
    return ""


class _Filler:
    """Puts values in the place of `${NAME}`."""

    def __init__(self, manifest: Manifest, values: Mapping[str, str], *, offline: bool) -> None:
        self._manifest = manifest
        self._values = values
        self._offline = offline

    def fill(self) -> dict[str, list[Any]]:
        return {
            name: [self._fill(entry, (name, str(at))) for at, entry in enumerate(entries)]
            for name, entries in self._manifest.sections.items()
        }

    def _fill(self, value: Any, place: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {name: self._fill_member(item, (*place, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item, (*place, str(at))) for at, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        whole = _REFERENCE.fullmatch(value)
        if whole and whole[1] is not None:  # it may be a number
            return self._value(whole[1], place)
        return _REFERENCE.sub(lambda found: "${" if found[1] is None else str(self._value(found[1], place)), value)

    def _fill_member(self, value: Any, place: tuple[str, ...]) -> Any:
        try:
            return self._fill(value, place)
        except UnsetSecretError:
            if self._offline and place[-1] in _SECRET_FIELDS:
                return True  # as a secret is written that stays as it is
            raise

    def _value(self, name: str, place: tuple[str, ...]) -> Any:
        where = self._manifest.locate(".".join(place))
        if name in self._manifest.secrets:
            if not _SECRET_FIELDS & set(place):
                raise CommandError(
                    f"{where}: {name} is a secret: it may stand in {' and '.join(sorted(_SECRET_FIELDS))} only"
                )
        elif name not in self._manifest.variables:
            raise CommandError(f"{where}: {name} is neither under variables nor under secrets; $${{ stands for ${{")
        elif (value := self._manifest.variables[name]) is not None:
            return value
        if name not in self._values:
            error = UnsetSecretError if name in self._manifest.secrets else CommandError
            raise error(f"{where}: {name} is not set in the environment")
        return self._values[name]
