from typing import Annotated, Final

from fastapi import APIRouter, Query

from services.control_plane.apply.dependencies import Applier
from services.control_plane.apply.export import export
from services.control_plane.apply.schemas import Changes, Manifest
from services.control_plane.apply.service import check_scopes
from services.control_plane.identity.dependencies import Caller, MayReadApis
from services.control_plane.kit.document_body import DocumentBody, describe
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.dependencies import Addresses

router = APIRouter(prefix="/publisher/v1", tags=["apply"], route_class=UnitOfWorkRoute)


BODY: Final = describe({"$ref": "#/components/schemas/Manifest"})  # which `GET /export` answers


@router.post(
    "/apply",
    response_model_exclude_none=True,
    responses=declare("already_exists", "in_use", "conflict"),
    openapi_extra=BODY,
)
def apply_manifest(
    caller: Caller,
    document: DocumentBody,
    unit: Unit,
    addresses: Addresses,
    applier: Applier,
    dry_run: Annotated[bool, Query(description="only tell what would change")] = False,
    prune: Annotated[bool, Query(description="delete what is the caller's and not in the manifest")] = False,
) -> Changes:
    manifest = document.read_as(Manifest)
    check_scopes(manifest, caller)
    manifest.check_asyncapi()  # this and the next take a while: for those who may, and before the transaction begins
    addresses.check(manifest.urls())
    changes = applier.apply(unit.session, manifest, caller, prune=prune)
    if dry_run:
        unit.release()  # done as it would be, and not kept
    return Changes(changes=changes)


@router.get("/export", response_model_exclude_defaults=True, responses=declare("conflict"))
def export_manifest(
    caller: MayReadApis,
    unit: Unit,
    files: Annotated[bool, Query(description="with files and pictures, in base64")] = True,
) -> Manifest:
    return export(unit.session, caller, files=files)
