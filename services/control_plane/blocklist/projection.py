"""Rows to what the pods and the callers read. Pure."""

from services.control_plane.blocklist.models import Block
from services.control_plane.blocklist.schemas import BlockRead
from shared.blocks import BlockDefinition


def define_block(block: Block) -> BlockDefinition:
    return BlockDefinition.model_validate(block.model_dump())


def read_block(block: Block) -> BlockRead:
    return BlockRead.model_validate(block.model_dump())
