from typing import Annotated

from fastapi import Depends

from services.control_plane.kit.provide import provide
from services.control_plane.store.applications import ApplicationService
from services.control_plane.store.browsing import Storefront
from services.control_plane.store.keys import KeyService
from services.control_plane.store.quota import QuotaReader
from services.control_plane.store.subscriptions import SubscriptionService

Applications = Annotated[ApplicationService, Depends(provide(ApplicationService))]
Keys = Annotated[KeyService, Depends(provide(KeyService))]
Subscriptions = Annotated[SubscriptionService, Depends(provide(SubscriptionService))]
Quotas = Annotated[QuotaReader, Depends(provide(QuotaReader))]
Store = Annotated[Storefront, Depends(provide(Storefront))]
