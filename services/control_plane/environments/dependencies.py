from typing import Annotated

from fastapi import Depends

from services.control_plane.environments.service import EnvironmentService
from services.control_plane.kit.provide import provide

Environments = Annotated[EnvironmentService, Depends(provide(EnvironmentService))]
