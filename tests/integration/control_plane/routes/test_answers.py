"""Whatever is asked, right or wrong: nothing breaks, and the answer is one that the OpenAPI document tells of.

Schemathesis makes up what is asked, by the document and for what is held as a rule; `--rounds` has it do more.
"""

import asyncio
import json
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

import pytest

from services.control_plane.identity.scopes import BUILTIN_ROLES
from services.control_plane.settings import Settings
from tests.integration.control_plane.routes.holdings import Cast, Holding
from tests.support import toolbox
from tests.support.serving import serve

# PostgreSQL refuses more than SQLite does: NUL, numbers that are too large.
pytestmark = [
    pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True),
    pytest.mark.timeout(1800),  # the first test that needs the toolbox installs it, and rounds take their time
]

EXAMPLES: Final = 2
"""Of each operation in a bounded run."""

SEED: Final = 1
"""Of a bounded run: what it asks is always the same."""

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
    "use_after_free",
)

SLOW_SECONDS: Final = 20
"""No answer takes as long, whatever is asked."""

NEAR: Final = IPv4Network("127.0.0.0/8")


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Have nothing made up be called: no name is looked up, no address dialled but near ones."""
    look_up = socket.getaddrinfo

    def refuse(host: str, *args: Any, **options: Any) -> Any:
        if host not in ("localhost", "127.0.0.1"):
            raise socket.gaierror(socket.EAI_NONAME, "no name is looked up")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    far = [*IPv4Network("0.0.0.0/0").address_exclude(NEAR), "::/0"]
    return settings.model_copy(update={"endpoint_deny": ",".join(map(str, far))})


def parameters(path: str, holdings: Sequence[Holding]) -> Iterator[tuple[str, list[str]]]:
    """Yield the parameters of a path, with what is held of their kind."""
    for kind, name in re.findall(r"([^/]+)/\{(\w+)\}", path):
        yield name, [holding.ids[kind] for holding in holdings]


def write_config(file: Path, document: Mapping[str, Any], holdings: Sequence[Holding], seed: int) -> None:
    """Write Schemathesis' configuration, in which a path's ids are of what is held, three times out of four."""
    lines = [f"seed = {seed}", "color = false", "warnings = false", f"request-timeout = {SLOW_SECONDS}"]
    lines += ["[cache]", "enabled = false"]
    lines += ["[checks]", "enabled = false", *(f"{check}.enabled = true" for check in CHECKS)]
    of_paths = {path: dict(parameters(path, holdings)) for path in document["paths"]}
    known = sorted({tuple(ids) for named in of_paths.values() for ids in named.values()})
    for number, held in enumerate(known):
        lines += [f"[dictionaries.held-{number}]", f"values = {json.dumps(held)}"]
    for path, named in of_paths.items():
        if named:
            lines += ["[[operations]]", f"include-path = {json.dumps(path)}"]
        for name, ids in named.items():
            dictionary = f"held-{known.index(tuple(ids))}"
            lines.append(f'parameters."path.{name}" = {{dictionary = "{dictionary}", probability = 0.75}}')
    file.write_text("\n".join(lines))


@pytest.mark.parametrize("role", [*BUILTIN_ROLES, None])
async def test_no_request_breaks_anything_and_every_answer_is_told_of(
    cast: Cast, role: str | None, rounds: int, seed: int, tmp_path: Path
) -> None:
    caller, own = await cast.hold("one", role, restricted=False)
    _, foreign = await cast.hold("other", role, restricted=True)
    caller.event_hooks = {}  # what is made up may be both a secret and a name
    config = tmp_path / "schemathesis.toml"
    write_config(config, cast.platform.app.openapi(), [own, foreign], seed if rounds > 1 else SEED)
    phases = "examples,fuzzing" if rounds == 1 else "examples,coverage,fuzzing,stateful"
    async with serve(cast.platform.app) as url:
        tails = "--exclude-path-regex=/tail$"  # they answer for minutes
        options = [f"--phases={phases}", f"--max-examples={EXAMPLES * rounds}", tails]
        header = f"Authorization: {caller.headers['Authorization']}"
        command = ["--config-file", str(config), "run", f"{url}/openapi.json", "-H", header, *options]
        ran = await asyncio.to_thread(toolbox.run, "schemathesis", *command, seconds=300 * rounds)
    assert ran.returncode == 0, ran.stdout
    selected = re.search(r"Selected: (\d+)/\d+\n +Tested: (\d+)", ran.stdout)
    assert selected, ran.stdout
    assert selected[1] == selected[2]
