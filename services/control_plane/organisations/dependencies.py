from typing import Annotated

from fastapi import Depends

from services.control_plane.kit.provide import provide
from services.control_plane.organisations.service import OrganisationService

Organisations = Annotated[OrganisationService, Depends(provide(OrganisationService))]
