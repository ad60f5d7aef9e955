from typing import Annotated

from fastapi import Depends

from services.control_plane.blocklist.service import BlockService
from services.control_plane.kit.provide import provide

Blocks = Annotated[BlockService, Depends(provide(BlockService))]
