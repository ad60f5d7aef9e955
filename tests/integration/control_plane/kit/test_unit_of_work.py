"""One request, one transaction."""

import asyncio
import threading
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends
from sqlmodel import select

from services.control_plane.kit import audit
from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.database import POOL_SIZE
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit
from tests.integration.control_plane.platform import ECHO, Platform, on_sqlite, problem

router = APIRouter(prefix="/test", route_class=UnitOfWorkRoute)


class Gate:
    """Lets requests wait inside their handler."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = threading.Semaphore(0)


@router.post("/fail")
def fail_late(unit: Unit) -> None:
    audit.record(unit.session, "test", "test", "1")
    unit.session.flush()
    raise ZeroDivisionError


@router.get("/wait")
def wait(unit: Unit, gate: Annotated[Gate, Depends(provide(Gate))]) -> int:
    found = len(unit.session.exec(select(AuditEntry)).all())
    gate.inside.release()
    assert gate.open.wait(20)
    return found


def audited(platform: Platform) -> list[AuditEntry]:
    with platform.database.reading() as session:
        return list(session.exec(select(AuditEntry)).all())


@pytest.fixture
def with_routes(platform: Platform) -> Platform:
    platform.app.include_router(router)
    platform.app.state.provided[Gate] = Gate()
    return platform


async def test_what_fails_leaves_nothing(with_routes: Platform) -> None:
    before = len(audited(with_routes))
    problem(await with_routes.client.post("/test/fail"), 500, "internal_error")
    assert len(audited(with_routes)) == before


async def test_what_was_done_is_written_down_with_who_and_where_from(platform: Platform) -> None:
    api = await platform.make_api()
    (account,) = (await platform.read("/admin/v1/service-accounts"))["items"]
    (entry,) = [entry for entry in audited(platform) if entry.action == "api.create"]
    assert (entry.target_kind, entry.target_id) == ("api", api["id"])
    assert (entry.actor, entry.address) == (account["id"], "127.0.0.1")
    problem(await platform.client.post("/publisher/v1/apis", json=ECHO), 409, "already_exists")
    assert len([entry for entry in audited(platform) if entry.action == "api.create"]) == 1


async def test_a_change_is_there_when_its_answer_is(platform: Platform) -> None:
    for number in range(5):
        api = await platform.make_api(context=f"/c{number}", name=f"n{number}")
        assert (await platform.read(f"/publisher/v1/apis/{api['id']}")) == api


@on_sqlite
async def test_more_requests_than_connections_wait_and_do_not_block_each_other(with_routes: Platform) -> None:
    gate: Gate = with_routes.app.state.provided[Gate]
    requests = [asyncio.create_task(with_routes.client.get("/test/wait")) for _ in range(POOL_SIZE * 2)]  # noqa: TID251
    for _ in range(POOL_SIZE // 2):
        assert await asyncio.to_thread(gate.inside.acquire, timeout=10)
    gate.open.set()
    answers: list[httpx.Response] = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} == {200}
