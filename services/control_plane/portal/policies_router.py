"""Throttling policies, with what they allow in words while they are written."""

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.pagination import MAX_LIMIT, PageQuery
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import ReadingRoute, UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Operator, Sent
from services.control_plane.portal.fields import IF_MATCH, Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.words import describe_policy, describe_quota
from services.control_plane.throttling import repository
from services.control_plane.throttling.dependencies import Policies
from services.control_plane.throttling.projection import read_policy, write_of
from services.control_plane.throttling.schemas import PolicyWrite
from shared.limits import Level

router = APIRouter(prefix="/admin/policies", route_class=UnitOfWorkRoute, include_in_schema=False)
preview_router = APIRouter(prefix="/admin/policies", route_class=ReadingRoute, include_in_schema=False)

LEVELS: Final[tuple[Level, ...]] = ("subscription", "application", "api")

_MAX_LIMITS: Final = 10
_SPARE_ROWS: Final = 2
_BLANK: Final[dict[str, Any]] = {
    "name": "",
    "level": "subscription",
    "description": "",
    "limits": [],
    "burst": None,
    "on_exceed": "delay",
    "max_delay_seconds": None,
    "shadow": False,
}


@router.get("")
def list_policies(frame: PageFrame, _: Operator, unit: Unit) -> Response:
    rows, _total = repository.list_page(unit.session, None, PageQuery(limit=MAX_LIMIT))
    policies = [read_policy(row) for row in rows]
    levels = {level: [policy for policy in policies if policy.level == level] for level in LEVELS}
    quotas = {(policy.level, policy.name): describe_quota(policy.limits, policy.burst) for policy in policies}
    return frame.show("admin/policies.html", levels=levels, quotas=quotas)


@router.get("/new")
def show_new(frame: PageFrame, _: Operator) -> Response:
    return _show(frame, None, _BLANK)


@router.post("/new")
def create(frame: PageFrame, _: Operator, sent: Sent, unit: Unit, policies: Policies) -> Response:
    values = _read(sent)
    try:
        policies.create(unit.session, build(PolicyWrite, values))
    except ProblemError as error:
        unit.close()
        return _show(frame, None, values, mistakes=Mistakes.of(error))
    return RedirectResponse("/admin/policies?done=saved", 303)


@preview_router.post("/preview")
async def preview(frame: PageFrame, _: Operator, sent: Sent) -> Response:
    """Say what a policy would allow, before it is saved."""
    values = _read(sent)
    policy = {**values, "builtin": True} if sent.on("stands") else None  # without the button that deletes
    return _show(frame, policy, values, with_words=True, if_match=sent.text(IF_MATCH))


@router.get("/{level}/{name}")
def show(frame: PageFrame, _: Operator, level: Level, name: ResourceId, unit: Unit, policies: Policies) -> Response:
    row = policies.get(unit.session, name, level)
    policy = read_policy(row).model_dump(mode="json")
    return _show(frame, policy, policy, with_words=True, if_match=etag(row.row_version))


@router.post("/{level}/{name}")
def save(
    frame: PageFrame, _: Operator, level: Level, name: ResourceId, sent: Sent, unit: Unit, policies: Policies
) -> Response:
    """Save what the form shows; overrides stay as they are."""
    values = _read(sent)
    row = policies.get(unit.session, name, level)
    policy = read_policy(row).model_dump(mode="json")
    try:
        patched(write_of(row), values)
        policies.patch(unit.session, row, values, sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show(frame, policy, values, mistakes=Mistakes.of(error), if_match=sent.next_match(error))
    return RedirectResponse("/admin/policies?done=saved", 303)


@router.post("/{level}/{name}/delete")
def delete(
    frame: PageFrame, _: Operator, level: Level, name: ResourceId, sent: Sent, unit: Unit, policies: Policies
) -> Response:
    row = policies.get(unit.session, name, level)
    policy, version = read_policy(row).model_dump(mode="json"), etag(row.row_version)
    try:
        policies.delete(unit.session, row, sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show(frame, policy, policy, mistakes=Mistakes.of_button(error), if_match=version)
    return RedirectResponse("/admin/policies?done=deleted", 303)


def _show(
    frame: Frame,
    policy: dict[str, Any] | None,
    values: dict[str, Any],
    *,
    mistakes: Mistakes | None = None,
    with_words: bool = False,
    if_match: str = "",
) -> Response:
    words: list[str] = []
    found = mistakes or Mistakes()
    if with_words:
        try:
            known = {name: value for name, value in values.items() if name in PolicyWrite.model_fields}
            words = describe_policy(build(PolicyWrite, known))
        except ProblemError as error:
            found = Mistakes.of(error)
    rows = min(len(values["limits"]) + _SPARE_ROWS, _MAX_LIMITS)
    return frame.show(
        "admin/policy.html",
        422 if mistakes else 200,
        policy=policy,
        if_match=if_match,
        values=values,
        rows=[*values["limits"], *[{}] * (rows - len(values["limits"]))],
        words=words,
        mistakes=found,
    )


def _read(sent: Fields) -> dict[str, Any]:
    """Return a form as the body that the REST takes. Rows without an amount are none."""
    rows = (_read_limit(sent, index) for index in range(_MAX_LIMITS))
    burst = sent.number("burst_amount")
    return {
        **{name: sent.text(name) for name in ("name", "level", "description")},
        "limits": [row for row in rows if row["amount"]],
        "burst": {"amount": burst, "window_seconds": sent.number("burst_window")} if burst else None,
        "on_exceed": sent.text("on_exceed") or "delay",
        "max_delay_seconds": sent.number("max_delay_seconds"),
        "shadow": sent.on("shadow"),
    }


def _read_limit(sent: Fields, index: int) -> dict[str, Any]:
    unit = sent.text(f"unit_{index}") or "messages"
    window = None if unit == "connections" else sent.number(f"window_{index}") or "60"
    direction = sent.text(f"direction_{index}") or "publish"
    return {"unit": unit, "amount": sent.number(f"amount_{index}"), "window_seconds": window, "direction": direction}
