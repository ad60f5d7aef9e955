"""Clients that generators make of /openapi.json are typed, and do what the how-to page has them do."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.conftest import CLIENT_ID, SCOPES, Installation
from tests.support import toolbox
from tests.support.node import find_node
from tests.support.npm import install_npm_packages

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(400),  # the first test that needs the toolbox installs it
]

PAGE: Final = Path(__file__).parents[2] / "docs/how-to/generate-a-client.md"
API: Final = {"name": "Echo", "context": "/echo", "version": "1.0"}
LEFT_OUT: Final = re.compile(r"Unsupported content.type [^)]*(application/yaml|application/x-ndjson|image/)")
"""What the generator knows not, and the page says so."""

_SECONDS: Final = 120


def code(language: str) -> str:
    """Return the page's program in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def run(folder: Path, *command: str | Path, **variables: str) -> str:
    """Run a program that ends well, and return what it prints."""
    environment = {**os.environ, **variables}  # noqa: TID251 - handed on
    ran = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture
async def access(installation: Installation) -> dict[str, str]:
    """Return what a client finds in its environment, where there is one API."""
    await installation.post("/publisher/v1/apis", API)
    token = await installation.token(CLIENT_ID, installation.client_secret, scope=SCOPES)
    return {"FRAMEGATE_URL": str(installation.rest.base_url).rstrip("/"), "FRAMEGATE_TOKEN": token}


async def test_a_client_in_python(access: dict[str, str], tmp_path: Path) -> None:
    url, package = f"{access['FRAMEGATE_URL']}/openapi.json", tmp_path / "rest_client"
    made = toolbox.run("openapi-python-client", "generate", "--url", url, "--meta", "none", "--output-path", package)
    assert made.returncode == 0, made.stdout + made.stderr
    warnings = re.findall(r"^WARNING .*\n+(.*)$", made.stdout + made.stderr, re.MULTILINE)
    assert all(map(LEFT_OUT.search, warnings)), made.stdout + made.stderr
    (tmp_path / "use.py").write_text(code("python"))
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--python-executable={toolbox.python()}"]
    run(tmp_path, sys.executable, "-m", "mypy", *options, "use.py")
    assert run(tmp_path, toolbox.python(), "use.py", **access) == "['Echo 1.0']\nFrom Python Unlimited\n"


async def test_a_client_in_typescript(access: dict[str, str], tmp_path: Path) -> None:
    node, packages = find_node(), install_npm_packages()
    (tmp_path / "node_modules").symlink_to(packages)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "use.ts").write_text(code("ts"))
    url = f"{access['FRAMEGATE_URL']}/openapi.json"
    typescript = packages / "openapi-typescript/bin/cli.js"
    run(tmp_path, node, typescript, url, "--output", "framegate.d.ts", "--default-non-nullable=false")
    options = ["--strict", "--module", "nodenext", "--target", "es2022", "--types", "node", "--skipLibCheck"]
    run(tmp_path, node, packages / "typescript/bin/tsc", *options, "use.ts")
    assert run(tmp_path, node, "use.js", **access) == "[ 'Echo 1.0' ]\nFrom TypeScript Unlimited\n"
