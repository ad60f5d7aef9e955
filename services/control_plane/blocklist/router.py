from fastapi import APIRouter, Response

from services.control_plane.blocklist.dependencies import Blocks
from services.control_plane.blocklist.projection import read_block
from services.control_plane.blocklist.schemas import BlockRead, BlockWrite
from services.control_plane.identity.dependencies import MayOperate
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit

router = APIRouter(prefix="/admin/v1/blocklist", tags=["blocklist"], route_class=UnitOfWorkRoute)


@router.get("")
def list_blocks(_: MayOperate, unit: Unit, blocks: Blocks, paging: Paging) -> Page[BlockRead]:
    rows, total = blocks.list_page(unit.session, paging)
    return Page(items=[read_block(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_block(_: MayOperate, body: BlockWrite, unit: Unit, blocks: Blocks, response: Response) -> BlockRead:
    block = blocks.create(unit.session, body)
    response.headers["Location"] = f"{router.prefix}/{block.id}"
    tag(response, block.row_version)
    return read_block(block)


@router.get("/{block_id}", responses=declare("not_found"))
def get_block(_: MayOperate, block_id: ResourceId, unit: Unit, blocks: Blocks, response: Response) -> BlockRead:
    block = blocks.get(unit.session, block_id)
    tag(response, block.row_version)
    return read_block(block)


@router.delete("/{block_id}", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_block(_: MayOperate, block_id: ResourceId, unit: Unit, blocks: Blocks, if_match: IfMatch = None) -> None:
    blocks.delete(unit.session, blocks.get(unit.session, block_id), if_match)
