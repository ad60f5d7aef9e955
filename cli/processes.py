"""Child processes that don't outlive us."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def start(
    command: Sequence[str | Path],
    *,
    log: IO[bytes],
    env: Mapping[str, str] | None = None,
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child that ends when this process does, however it ends (on Linux), and that a Ctrl-C doesn't reach.

    Its output goes to `log`. As root, `user` names whom it runs as.
    """
    return subprocess.Popen(  # noqa: S603 - the commands are our own
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=env,
        user=user,
        group=user and primary_group(user),
        extra_groups=[] if user else None,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - it only calls into a library that is loaded already
    )


def stop(process: subprocess.Popen[bytes], *, within_seconds: float = 10.0) -> int:
    """End a child: ask first, kill it when it has not ended in time. Return its exit code."""
    process.terminate()
    try:
        return process.wait(within_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def primary_group(user: str) -> int:
    import pwd  # noqa: PLC0415 - not there on Windows

    return pwd.getpwnam(user).pw_gid


def _die_with(parent: int) -> Callable[[], None] | None:
    if _LIBC is None:
        return None

    def ask_for_a_signal() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_for_a_signal
