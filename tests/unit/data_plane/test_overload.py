import asyncio
import time
from pathlib import Path

import pytest

from services.data_plane import overload
from services.data_plane.overload import Overload
from services.data_plane.refusal import RefusedError
from tests.support.waiting import eventually


def admitted(guard: Overload) -> bool:
    try:
        guard.check()
    except RefusedError:
        return False
    return True


def container(folder: Path, *, limit: str, current: int, inactive: int = 0) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{current}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {inactive}\n")
    return folder


def test_a_storm_is_admitted_at_the_rate_that_is_set() -> None:
    now = 100.0
    guard = Overload(50, lambda: now)
    assert sum(admitted(guard) for _ in range(200)) == 50
    now += 0.5
    assert sum(admitted(guard) for _ in range(200)) == 25
    now += 60
    assert sum(admitted(guard) for _ in range(200)) == 50, "a quiet minute saves up one second"


def test_a_fifth_of_the_rate_is_for_production() -> None:
    now = 100.0
    guard = Overload(50, lambda: now)
    sandbox = 0
    while admitted(guard):
        try:
            guard.check_caller("SANDBOX")
        except RefusedError:
            guard.check_caller("PRODUCTION")
        else:
            sandbox += 1
    assert sandbox == 40


def test_without_a_rate_and_a_limit_nobody_is_refused() -> None:
    guard = Overload(None)
    assert all(admitted(guard) for _ in range(1000))
    guard.check_caller("SANDBOX")


def test_a_loop_that_lags_refuses_sandbox_keys_first_and_then_all() -> None:
    guard = Overload(None)
    guard.lag_seconds = 0.3
    assert admitted(guard)
    with pytest.raises(RefusedError):
        guard.check_caller("SANDBOX")
    guard.check_caller("PRODUCTION")
    guard.lag_seconds = 0.6
    with pytest.raises(RefusedError) as refused:
        guard.check()
    assert refused.value.problem.slug == "overloaded"
    assert int(refused.value.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("limit", "current", "inactive", "refused"),
    [("1000", 950, 0, True), ("1000", 950, 100, False), ("1000", 500, 0, False), ("max", 10**12, 0, False)],
)
async def test_memory_counts_as_the_orchestrator_counts_it(
    tmp_path: Path, limit: str, current: int, inactive: int, refused: bool
) -> None:
    guard = Overload(None, cgroup=container(tmp_path, limit=limit, current=current, inactive=inactive))
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(guard.watch())
        await asyncio.sleep(0)
        assert admitted(guard) is not refused
        watching.cancel()


async def test_what_the_loop_gets_to_late_is_lag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(overload, "MOST_LAG_SECONDS", 0.05)
    guard = Overload(None, cgroup=tmp_path)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(guard.watch())
        await asyncio.sleep(0)
        time.sleep(0.75)  # noqa: ASYNC251 - the loop is to stand still, for a quarter of a second at least after a look
        await eventually(lambda: not admitted(guard))
        watching.cancel()
