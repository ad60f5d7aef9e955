"""Makes commands of the table in `cli.resources`."""

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, cast
from uuid import UUID

import typer

from cli import rest
from cli.commands import Command
from cli.errors import CommandError
from cli.output import Show, show, show_rows
from cli.resources import APIS, APPLICATIONS, GROUPS, SUBSCRIPTIONS
from cli.rest import Rest, segment
from cli.tokens import Output

_STORE_APIS = "/store/v1/apis"
_LIMIT = Annotated[int, typer.Option(min=1, help="Show no more than so many.")]
_FILE = Annotated[
    Path,
    typer.Option("--file", "-f", help="The body, as JSON or YAML; `-` is the standard input.", dir_okay=False),
]


def join(app: typer.Typer) -> None:
    """Add the groups of the table to the command."""
    for group in GROUPS:
        commands = typer.Typer(help=group.help, no_args_is_help=True)
        for command in group.commands:
            commands.command(command.name)(_make(command))
        app.add_typer(commands, name=group.name)


def _make(command: Command) -> Callable[..., None]:
    """Return the function that runs a command; from its signature come arguments and options."""

    def run(**given: Any) -> None:
        output = cast("Output", given.pop("output"))
        with rest.sign_in() as client:
            _run(client, command, given, output)

    run.__doc__ = command.help
    parameters = [*_arguments(command), *_options(command)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what inspect reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _arguments(command: Command) -> Iterator[inspect.Parameter]:
    names = [*_placeholders(command.path)]
    for name in command.fields:
        if not name.startswith("--"):
            names += _placeholders(name) or [_plain(name)]
    if "sub" in names:
        names[names.index("sub") : names.index("sub") + 1] = ["app", "store_api"]
    for name in names:
        shown = "API" if name == "store_api" else name.upper()
        default = "PRODUCTION" if name == "key_type" else inspect.Parameter.empty
        yield _parameter(name, Annotated[str, typer.Argument(metavar=shown)], default)


def _options(command: Command) -> Iterator[inspect.Parameter]:
    for name in command.fields:
        if name.startswith("--"):
            yield _parameter(_plain(name), Annotated[str | None, typer.Option(name)], None)
    for name in command.flags:
        yield _parameter(name, Annotated[bool | None, typer.Option()], None)
    for name in command.query:
        yield _parameter(name, Annotated[str | None, typer.Option(f"--{name}")], None)
    if command.is_list:
        yield _parameter("limit", _LIMIT, 1000)
    if command.file:
        yield _parameter("file", _FILE, None if command.fields else inspect.Parameter.empty)
    yield _parameter("output", Show, Output.text)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _placeholders(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _plain(option: str) -> str:
    """Return the name of the field that an argument or an option gives."""
    return option.removeprefix("--").replace("-", "_").lower()


def _run(client: Rest, command: Command, given: dict[str, Any], output: Output) -> None:
    places = {name: segment(_find(name, client, given)) for name in _placeholders(command.path)}
    path = command.path.format(**places)
    query = {name: given[name] for name in command.query if given[name] is not None}
    if command.is_list:
        answer, total = client.list_items(path, given["limit"], **query)
        if len(answer) < total:
            print(f"the first {len(answer)} of {total}: --limit shows more", file=sys.stderr)
    else:
        answer = client.ask(command.method, path, _body(client, command, given), **query)
        answer = answer[command.rows] if command.columns else answer
    _print(command, answer, output)
    if command.fails(answer):
        raise typer.Exit(1)


def _print(command: Command, answer: Any, output: Output) -> None:
    if command.columns:
        show_rows(answer, command.columns, output)
    elif command.only and output is Output.text:
        print(answer[command.only])
    elif answer is not None:
        show(answer, output)


def _body(client: Rest, command: Command, given: dict[str, Any]) -> Any:
    """Return what is sent: what a file says, and over it what arguments and options say."""
    body = dict(command.body)
    if command.file and given["file"] is not None:
        body |= _read(given["file"])
    body |= {name: given[name] for name in command.flags if given[name] is not None}
    for name in command.fields:
        field = _plain(name)
        if _placeholders(name):
            finder, _, field = name.strip("{}").partition(":")
            body[field] = _FINDERS[finder](client, given)
        elif given[field] is not None:
            body[field] = _FINDERS[field](client, given) if field in _FINDERS else given[field]
    return body or None


def _read(path: Path) -> dict[str, Any]:
    from services.control_plane.kit.documents import DocumentError, read_yaml  # noqa: PLC0415 - pods need no YAML

    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        document = read_yaml(content)
    except (OSError, DocumentError) as error:
        raise CommandError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise CommandError(f"{path}: must hold an object")
    return document


def _find_api(client: Rest, name: str, path: str) -> str:
    """Return the id of an API by its name, with a version where it has several."""
    if is_id(name):
        return name
    found = client.find(path, name)
    if not found and "/" in name:
        plain, _, version = name.rpartition("/")
        found = [item for item in client.find(path, plain) if item["version"] == version]
    return _only(found, f"API {name}", [f"{item['name']}/{item['version']}" for item in found])


def find_application(client: Rest, name: str) -> str:
    """Return the id of an application of one's own by its name."""
    return name if is_id(name) else _only(client.find(APPLICATIONS, name), f"application {name}")


def _find(name: str, client: Rest, given: dict[str, Any]) -> str:
    """Return the id of what an argument names, which may be the id itself."""
    return _FINDERS[name](client, given) if name in _FINDERS else str(given[name])


def _find_subscription(client: Rest, given: dict[str, Any]) -> str:
    of = {name: _FINDERS[name](client, given) for name in ("app", "store_api")}
    found, _ = client.list_items(SUBSCRIPTIONS, application_id=of["app"], api_id=of["store_api"])
    return _only(found, f"subscription of {given['app']} to {given['store_api']}")


def _only(found: list[dict[str, Any]], what: str, names: list[str] | None = None) -> str:
    if not found:
        raise CommandError(f"there is no {what}")
    if len(found) > 1:
        raise CommandError(f"there are several: say which of {', '.join(sorted(names or []))}")
    return str(found[0]["id"])


def is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


_FINDERS: dict[str, Callable[[Rest, dict[str, Any]], str]] = {
    "api": lambda client, given: _find_api(client, given["api"], APIS),
    "store_api": lambda client, given: _find_api(client, given["store_api"], _STORE_APIS),
    "app": lambda client, given: find_application(client, given["app"]),
    "sub": _find_subscription,
    "key_type": lambda _, given: str(given["key_type"]).upper(),
    "to": lambda client, given: _find_api(client, given["to"], APIS),
    "other_api": lambda client, given: _find_api(client, given["other_api"], _STORE_APIS),
}
