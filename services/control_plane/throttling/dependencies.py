from typing import Annotated

from fastapi import Depends, Query

from services.control_plane.kit.provide import provide
from services.control_plane.throttling.service import PolicyService
from shared.limits import Level

Policies = Annotated[PolicyService, Depends(provide(PolicyService))]
LevelFilter = Annotated[Level | None, Query()]
