"""`framegate apply`, `diff`, `export` and `validate`: what there is to be, from files."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import rest
from cli.output import Show, show
from cli.rest import RestError
from cli.tokens import Output

_CHANGES = 2  # the exit code where something would change

File = Annotated[
    Path, typer.Option("--file", "-f", exists=True, help="A manifest, or a folder of files that are one together.")
]
Environment = Annotated[
    str | None, typer.Option("--env", help="Take the values of this file in the folder `environments`.")
]
Prune = Annotated[bool, typer.Option("--prune", help="Delete what you own and the manifest does not name.")]


def apply(
    file: File,
    env: Environment = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    prune: Prune = False,
    output: Show = Output.text,
) -> None:
    """Bring APIs, policies, applications and subscriptions into the state that a manifest says: all or nothing.

    With --dry-run the exit code is 2 where something would change.
    """
    changes = _send(file, env, dry_run=dry_run, prune=prune)
    if output is Output.json:
        show({"changes": changes}, output)
    else:
        _print(changes, values=dry_run)
    if dry_run and _changed(changes):
        raise typer.Exit(_CHANGES)


def diff(file: File, env: Environment = None, *, prune: Prune = False, output: Show = Output.text) -> None:
    """Tell what `apply` would change. The exit code is 0 where that is nothing, else 2."""
    apply(file, env, dry_run=True, prune=prune, output=output)


def export(
    to: Annotated[
        Path | None, typer.Option("--to", help="Write it into this folder, with the files beside it.")
    ] = None,
    *,
    files: Annotated[bool, typer.Option("--files/--no-files", help="With files and pictures, or without.")] = True,
    output: Show = Output.text,
) -> None:
    """Print what you own as a manifest: as YAML, or as JSON. Secrets are left out."""
    from cli import manifest_folder  # noqa: PLC0415 - pods have no control plane

    with rest.sign_in() as client:
        sections = client.ask("GET", "/publisher/v1/export", files=files)
    if to is None:
        show(manifest_folder.escape(sections), output)
    else:
        manifest_folder.write(sections, to)
        print(to / manifest_folder.NAME)


def validate(
    file: Annotated[
        Path | None, typer.Option("--file", "-f", exists=True, help="A manifest, or a folder of files.")
    ] = None,
    env: Environment = None,
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a manifest, for editors.")] = False,
    output: Show = Output.text,
) -> None:
    """Check a manifest without a control plane, and without the secrets that it names."""
    from cli import manifest  # noqa: PLC0415 - pods have no control plane

    if schema:
        print(json.dumps(manifest.make_schema(), indent=2))
        return
    if file is None:
        raise typer.BadParameter("give --file, or --schema")
    found = manifest.load(file, env, _variables(), offline=True)
    found.check()
    counts = {name: len(entries) for name, entries in found.sections.items()}
    if output is Output.json:
        show({"valid": True, **counts}, output)
    else:
        print("valid:", ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing")


def _send(file: Path, env: str | None, *, dry_run: bool, prune: bool) -> list[dict[str, Any]]:
    """Apply a manifest, and return the changes. An error names the file."""
    from cli import manifest  # noqa: PLC0415 - pods have no control plane

    found = manifest.load(file, env, _variables())
    try:
        with rest.sign_in() as client:
            answer = client.ask("POST", "/publisher/v1/apply", found.sections, dry_run=dry_run, prune=prune)
    except RestError as error:
        raise RestError(error.message, [(found.locate(place), said) for place, said in error.fields]) from error
    changes: list[dict[str, Any]] = answer["changes"]
    return changes


def _variables() -> dict[str, str]:
    return dict(os.environ)  # noqa: TID251 - a manifest says which it takes


def _changed(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [change for change in changes if change["action"] != "none"]


def _print(changes: list[dict[str, Any]], *, values: bool) -> None:
    for change in _changed(changes):
        words = [change["name"], change.get("version") or change.get("level")]
        fields = f": {', '.join(change['fields'])}" if change["fields"] else ""
        print(f"{change['action']} {change['kind']:12} {' '.join(filter(None, words))}{fields}")
        for name in change.get("after") or () if values else ():
            for sign, side in (("-", "before"), ("+", "after")):
                print(f"  {sign} {name}: {json.dumps(change[side].get(name), ensure_ascii=False)}")
    if not _changed(changes):
        print("nothing to do")
