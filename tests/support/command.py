"""The `framegate` command, in this process."""

from collections.abc import Mapping
from dataclasses import dataclass

from typer.testing import CliRunner

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
