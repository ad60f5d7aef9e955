from typing import Annotated

from fastapi import Depends

from services.control_plane.issuers.service import ExternalIssuerService
from services.control_plane.kit.provide import provide

Issuers = Annotated[ExternalIssuerService, Depends(provide(ExternalIssuerService))]
