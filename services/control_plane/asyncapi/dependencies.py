from typing import Annotated

from fastapi import Depends

from services.control_plane.asyncapi.service import DocumentService
from services.control_plane.kit.provide import provide

Documents = Annotated[DocumentService, Depends(provide(DocumentService))]
