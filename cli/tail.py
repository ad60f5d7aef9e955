"""`framegate tail`: what happens on connections, as it happens."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from cli import rest
from cli.errors import CommandError
from cli.output import Show
from cli.resource_commands import find_application, is_id
from cli.resources import APIS, APPLICATIONS
from cli.rest import Rest, RestError, segment
from cli.tokens import Output

MOST_SECONDS: Final = 600
"""Of one request. Whoever wants more asks again."""

_STORE_APIS: Final = "/store/v1/apis"

_Api = Annotated[str | None, typer.Option("--api", help="CONTEXT/VERSION, NAME/VERSION, a name, or an id.")]
_Application = Annotated[str | None, typer.Option("--application", help="A name or an id.")]
_Sample = Annotated[int, typer.Option("--sample", min=1, help="Of messages, show one in so many.")]
_Seconds = Annotated[int | None, typer.Option("--seconds", min=1, max=MOST_SECONDS, help="End after this time.")]
_All = Annotated[bool, typer.Option("--all", help="All connections, as an administrator.")]


def tail(
    api: _Api = None,
    application: _Application = None,
    sample: _Sample = 1,
    seconds: _Seconds = None,
    output: Show = Output.text,
    *,
    everything: _All = False,
) -> None:
    """Show connections and the sizes of messages as they come, until interrupted. What is sent is never shown.

    Those of an API of one's own with --api, of an application of one's own with --application, of both with both.
    """
    with rest.sign_in() as client:
        path, query = _find(client, api, application, everything=everything)
    cause = "over"
    while cause == "over":
        with rest.sign_in() as client:  # a token doesn't last for ever
            cause = _show(client.stream(path, sample=sample, seconds=seconds or MOST_SECONDS, **query), output)
        if seconds is not None:
            break
    if cause != "over":
        raise CommandError(f"the tail ended: {cause}")


def _find(client: Rest, api: str | None, application: str | None, *, everything: bool) -> tuple[str, Mapping[str, str]]:
    """Return the path of a tail, and what holds it to less."""
    if everything:
        named = {"application": application} if application else {}
        return "/admin/v1/tail", {**named, **({"api_id": _api_in(client, APIS, api)} if api else {})}
    if api and (mine := _try_api(client, api)):
        return f"{APIS}/{segment(mine)}/tail", {"application": application} if application else {}
    if not application:
        raise CommandError(f"there is no API {api} of yours" if api else "say --api, --application or both, or --all")
    of = {"api_id": _api_in(client, _STORE_APIS, api)} if api else {}
    return f"{APPLICATIONS}/{segment(find_application(client, application))}/tail", of


def _try_api(client: Rest, name: str) -> str | None:
    """Return the id of an API that the caller manages, if it is one."""
    try:
        found = _api_in(client, APIS, name)
        client.ask("GET", f"{APIS}/{segment(found)}")
    except RestError:
        return None  # no publisher, or not of this one
    except _MissingError:
        return None
    return found


class _MissingError(CommandError):
    """There is no such API, or there are several."""


def _api_in(client: Rest, path: str, name: str) -> str:
    """Return the id of an API by its context and version, its name, or itself."""
    if is_id(name):
        return name
    start, _, version = name.rpartition("/")
    found = [
        item
        for item in client.list_items(path)[0]
        if name == item["name"] or (version == item["version"] and start in (item["name"], item["context"]))
    ]
    if len(found) != 1:
        several = ", ".join(sorted(f"{item['context']}/{item['version']}" for item in found))
        raise _MissingError(f"there are several: say which of {several}" if found else f"there is no API {name}")
    return str(found[0]["id"])


def _show(events: Iterator[Any], output: Output) -> str:
    """Print what comes, and return why it ended."""
    cause = "the connection was lost"
    for event in events:
        if event["event"] == "ended":
            cause = event["cause"]
        elif output is Output.json:
            print(json.dumps(event), flush=True)
        elif (line := describe(event)) and event["event"] in _NOTES:
            print(line, file=sys.stderr, flush=True)
        elif line:
            print(line, flush=True)
    return cause


_NOTES: Final = {"watching", "left_out", "interrupted"}


def describe(event: Mapping[str, Any]) -> str:
    """Return an event as a line for people; nothing for what only keeps the connection open."""
    kind = event["event"]
    if kind == "watching":
        silent = f"; {event['unanswered']} workers did not answer" if event["unanswered"] else ""
        return f"watching {event['connections']} open connections{silent}"
    if kind == "left_out":
        return f"{event['count']} more were left out"
    if kind == "interrupted":
        return "nothing was told for a while: it was not read in time"
    if kind == "alive":
        return ""
    who = f"{event.get('context', '-')}/{event.get('version', '-')} {event.get('application', '-')}"
    return f"{event['at']} {event['connection'][:8]} {who} {event['event']} {_what(event)}".rstrip()


def _what(event: Mapping[str, Any]) -> str:
    if event["event"] == "message":
        frames = f" in {event['frames']} frames" if event["frames"] > 1 else ""
        return f"{event['direction']} {event['size']} bytes{frames}"
    if event["event"] == "refused":
        return f"{event['code']} {event['cause']}"
    if event["event"] == "closed":
        sent, received = event["messages_published"], event["messages_delivered"]
        return f"{event['code']} {event['cause']} after {event['seconds']} s, {sent} sent, {received} received"
    return f"from {event['address']}"
