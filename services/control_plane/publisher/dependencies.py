from typing import Annotated

from fastapi import Depends

from services.control_plane.kit.provide import provide
from services.control_plane.publisher.addresses import AddressChecker
from services.control_plane.publisher.backend_secrets import BackendSecrets
from services.control_plane.publisher.metadata import CategoryService
from services.control_plane.publisher.pictures import PictureService
from services.control_plane.publisher.service import ApiService
from services.control_plane.publisher.shelf import DocumentShelf
from services.control_plane.publisher.testing import EndpointTester

Apis = Annotated[ApiService, Depends(provide(ApiService))]
Categories = Annotated[CategoryService, Depends(provide(CategoryService))]
Pictures = Annotated[PictureService, Depends(provide(PictureService))]
Shelf = Annotated[DocumentShelf, Depends(provide(DocumentShelf))]
Addresses = Annotated[AddressChecker, Depends(provide(AddressChecker))]
Secrets = Annotated[BackendSecrets, Depends(provide(BackendSecrets))]
Tester = Annotated[EndpointTester, Depends(provide(EndpointTester))]
