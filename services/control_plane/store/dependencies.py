from typing import Annotated

from fastapi import Depends

from services.control_plane.identity.dependencies import MaySubscribe
from services.control_plane.kit.provide import provide
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.store.api_keys import ApiKeyService
from services.control_plane.store.applications import ApplicationService
from services.control_plane.store.browsing import Storefront
from services.control_plane.store.external_keys import ExternalKeyService
from services.control_plane.store.feedback import FeedbackService
from services.control_plane.store.keys import KeyService
from services.control_plane.store.models import Application
from services.control_plane.store.moving import SubscriptionMover
from services.control_plane.store.quota import QuotaReader
from services.control_plane.store.snippets.writer import Writer
from services.control_plane.store.subscriptions import SubscriptionService
from services.control_plane.store.tickets import TicketService

Applications = Annotated[ApplicationService, Depends(provide(ApplicationService))]
ApiKeys = Annotated[ApiKeyService, Depends(provide(ApiKeyService))]
ExternalKeys = Annotated[ExternalKeyService, Depends(provide(ExternalKeyService))]
Keys = Annotated[KeyService, Depends(provide(KeyService))]
Subscriptions = Annotated[SubscriptionService, Depends(provide(SubscriptionService))]
Mover = Annotated[SubscriptionMover, Depends(provide(SubscriptionMover))]
Quotas = Annotated[QuotaReader, Depends(provide(QuotaReader))]
Tickets = Annotated[TicketService, Depends(provide(TicketService))]
SnippetWriter = Annotated[Writer, Depends(provide(Writer))]
Feedback = Annotated[FeedbackService, Depends(provide(FeedbackService))]
Store = Annotated[Storefront, Depends(provide(Storefront))]


def _own_application(
    caller: MaySubscribe, application_id: ResourceId, unit: Unit, applications: Applications
) -> Application:
    return applications.get(unit.session, application_id, caller.account_id)


Own = Annotated[Application, Depends(_own_application)]
