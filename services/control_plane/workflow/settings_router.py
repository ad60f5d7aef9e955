"""What administrators choose for the whole installation."""

from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import MayOperate
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.workflow.choices import Choices
from services.control_plane.workflow.dependencies import PlatformChoices

router = APIRouter(prefix="/admin/v1/settings", tags=["settings"], route_class=UnitOfWorkRoute)


@router.get("")
def get_settings(_: MayOperate, unit: Unit, choices: PlatformChoices, response: Response) -> Choices:
    settings = choices.get(unit.session)
    tag(response, settings.row_version)
    return settings.choices


@router.patch("", responses=declare("precondition_failed"))
def patch_settings(
    _: MayOperate,
    body: dict[str, Any],
    unit: Unit,
    choices: PlatformChoices,
    response: Response,
    if_match: IfMatch = None,
) -> Choices:
    """Change some settings by a merge patch: `null` brings the default back."""
    settings = choices.patch(unit.session, body, if_match)
    tag(response, settings.row_version)
    return settings.choices
