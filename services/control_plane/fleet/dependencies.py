from typing import Annotated

from fastapi import Depends

from services.control_plane.fleet.connections import ConnectionService
from services.control_plane.fleet.pods import PodReader
from services.control_plane.kit.provide import provide
from services.control_plane.store.application_tokens import ApplicationTokens

Connections = Annotated[ConnectionService, Depends(provide(ConnectionService))]
Tokens = Annotated[ApplicationTokens, Depends(provide(ApplicationTokens))]
Pods = Annotated[PodReader, Depends(provide(PodReader))]
