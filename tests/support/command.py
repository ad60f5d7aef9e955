"""The `framegate` command, in this process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from cli.errors import CommandError
from cli.main import app


@dataclass(frozen=True, slots=True)
class Ran:
    exit_code: int
    out: str
    err: str
    error: BaseException | None


def framegate(*args: str, env: Mapping[str, str | None] | None = None) -> Ran:
    """Run a command with `env` over ours; a `None` takes a variable away."""
    result = CliRunner().invoke(app, args, env=env)
    return Ran(result.exit_code, result.stdout, result.stderr, result.exception)


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands with variables of its own."""

    env: Mapping[str, str]

    def run(self, *args: str, code: int = 0, **env: str | None) -> str:
        """Return what a command prints, which must end with this exit code."""
        ran = framegate(*args, env={**self.env, **env})
        assert ran.exit_code == code, f"{ran.out}\n{ran.err}\n{ran.error!r}"
        return ran.out

    def read(self, *args: str) -> Any:
        """Return what a command prints for programs."""
        return json.loads(self.run(*args, "-o", "json"))

    def fail(self, *args: str, **env: str | None) -> str:
        """Return why a command can't do its work."""
        ran = framegate(*args, env={**self.env, **env})
        assert isinstance(ran.error, CommandError), f"{ran.out}\n{ran.err}\n{ran.error!r}"
        return str(ran.error)
