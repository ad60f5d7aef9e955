"""The reference names what the code has: all of it, and nothing else."""

import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import AliasChoices
from pydantic_settings import BaseSettings
from typer.core import TyperGroup
from typer.main import get_command

from cli.main import app
from services.control_plane.kit.audit import AuditLine
from services.control_plane.metrics import RequestLine
from services.control_plane.settings import Settings as ControlPlaneSettings
from services.data_plane.account import ClosedLine, RefusedLine
from services.data_plane.settings import Settings as DataPlaneSettings
from shared import keys
from shared.problems import PROBLEMS
from tests.architecture.repository import read, tracked

ROOT_COMMAND = get_command(app)
assert isinstance(ROOT_COMMAND, TyperGroup)


class Placeholder(str):
    """Stands for any value, and for its fields, in the way the documentation writes them."""

    __slots__ = ()

    def __new__(cls, name: str) -> Any:
        return super().__new__(cls, f"<{name}>")

    def __getattr__(self, name: str) -> str:
        return f"<{name}>"


# How the documentation writes the parts of a key that vary.
KEY_EXAMPLES = {
    keys.catalogue_objects: keys.catalogue_objects("<kind>"),
    keys.beat: keys.beat("<worker>"),
    keys.connection_answers: keys.connection_answers("<id>"),
    keys.dpop: keys.dpop("<digest>"),
    keys.tail: keys.tail("<id>"),
    keys.ticket: keys.ticket("<digest>"),
    keys.limit: keys.limit(Placeholder("level"), "<subject>", "<counter>"),
}


def headings(name: str) -> set[str]:
    """Return what stands in backticks in the headings of a page."""
    return set(re.findall(r"^#+ `([^`]+)`", read(Path(f"docs/reference/{name}.md")), re.MULTILINE))


def variables(settings: type[BaseSettings]) -> set[str]:
    """Return the variables that settings are read from: those with a name of their own are not ours."""
    prefix, found = settings.model_config["env_prefix"], set[str]()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if alias is None:
            found.add(f"{prefix}{name}".upper())
        else:
            found |= {str(choice) for choice in (alias.choices if isinstance(alias, AliasChoices) else [alias])}
    return found


def commands(group: TyperGroup = ROOT_COMMAND, path: str = "framegate") -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield each command with its parameters."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command.params


def test_every_setting_is_described() -> None:
    parameters = (parameter for _, parameters in commands() for parameter in parameters)
    of_options = {parameter.envvar for parameter in parameters if isinstance(parameter.envvar, str)}
    assert headings("settings") == variables(ControlPlaneSettings) | variables(DataPlaneSettings) | of_options


def test_every_problem_is_described() -> None:
    assert headings("problems") == set(PROBLEMS)


def test_the_problem_page_gives_each_status_and_close_code() -> None:
    page = read(Path("docs/reference/problems.md"))
    for problem in PROBLEMS.values():
        section = page.partition(f"`{problem.slug}`")[2].partition("\n#")[0]
        assert problem.title in section
        assert problem.status is None or f"HTTP {problem.status}" in section
        assert problem.close_code is None or f"close code {problem.close_code}" in section


def test_every_metric_is_described() -> None:
    metric = r"\b(?:Counter|Gauge|Histogram|Exponential|Summary|Info|Enum)\(\s*\"(\w+)\""
    assert headings("metrics") == {name for path in tracked("services/*.py") for name in re.findall(metric, read(path))}


def test_every_field_of_the_log_is_described() -> None:
    lines = {
        "connection closed": ClosedLine,
        "handshake refused": RefusedLine,
        "request": RequestLine,
        "audit": AuditLine,
    }
    assert headings("logs") == set(lines)
    page = read(Path("docs/reference/logs.md"))
    for event, line in lines.items():
        section = page.partition(f"## `{event}`")[2].partition("\n## ")[0]
        described = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        assert sorted(described) == sorted(get_type_hints(line))


def test_every_redis_key_is_described() -> None:
    constants = {value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    functions = {
        value for value in vars(keys).values() if inspect.isfunction(value) and value.__module__ == keys.__name__
    }
    assert functions == KEY_EXAMPLES.keys()
    assert headings("redis") == constants | set(KEY_EXAMPLES.values())


def test_every_command_and_option_is_described() -> None:
    page = read(Path("docs/reference/cli.md"))
    # A command has a heading, or a row of a table.
    described = re.findall(r"^(?:#+|\|) `(framegate [^`]+)`", page, re.MULTILINE)
    assert sorted(described) == sorted(path for path, _ in commands())
    for path, parameters in commands():
        section = page.partition(f"`{path}`")[2].partition("\n## ")[0]
        options = [name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)]
        assert not [name for name in options if name.startswith("--") and f"`{name}" not in section]
