from typing import Annotated

from fastapi import Depends

from services.control_plane.apply.service import ApplyService
from services.control_plane.kit.provide import provide

Applier = Annotated[ApplyService, Depends(provide(ApplyService))]
