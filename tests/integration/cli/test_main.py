import subprocess
import sys

import pytest

from cli import main
from tests.support.command import framegate


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)


def test_help_names_every_command() -> None:
    out = framegate("--help").out
    for command in ("demo", "control-plane", "data-plane", "migrate", "token", "connect"):
        assert command in out


@pytest.mark.parametrize(
    "args",
    [["nonsense"], ["connect"], ["data-plane", "--port", "0"], ["migrate", "sideways"], ["diff", "-f", "nowhere"]],
)
def test_a_wrong_call_exits_with_1_and_says_why(args: list[str]) -> None:
    ran = framegate(*args)
    assert ran.exit_code == 1
    assert "Error" in ran.err


def test_the_process_ends_so_too() -> None:
    ran = run("diff", "--file", "nowhere")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "nowhere" in ran.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FRAMEGATE_DRAIN_SECONDS", "-1", "greater than or equal to 0"),
        ("FRAMEGATE_ENDPOINT_ALLOW", "10.0.0.1/8", "has host bits set"),
        ("FRAMEGATE_ON_REDIS_LOSS", "maybe", "'allow' or 'deny'"),
    ],
)
def test_a_setting_that_is_not_valid_is_named(variable: str, value: str, said: str) -> None:
    ran = run("data-plane", **{variable: value})
    assert ran.returncode == 1
    assert ran.stderr.startswith("framegate: these settings are not valid\n")
    assert f"  {variable}: " in ran.stderr
    assert said in ran.stderr


def test_a_secret_that_is_not_valid_is_not_shown() -> None:
    ran = run("control-plane", FRAMEGATE_SECRET_KEY="too-short")
    assert ran.returncode == 1
    assert "FRAMEGATE_SECRET_KEY must have" in ran.stderr
    assert "too-short" not in ran.stderr + ran.stdout


def test_the_console_script_is_this() -> None:
    assert callable(main.main)
