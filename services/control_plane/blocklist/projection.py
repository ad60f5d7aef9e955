"""Rows to what the pods and the callers read. Pure."""

from services.control_plane.blocklist.models import Block
from services.control_plane.blocklist.schemas import BlockRead
from shared.blocks import BlockDefinition


def define_block(block: Block, account_id: str | None) -> BlockDefinition:
    return BlockDefinition.model_validate({**block.model_dump(), "account_id": account_id})


def read_block(block: Block) -> BlockRead:
    return BlockRead.model_validate(block.model_dump())
