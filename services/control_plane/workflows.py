"""What stands on the other domains, put together: questions, their answers, and events."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import TypeVar, cast

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.security import Sealer
from services.control_plane.publisher.addresses import AddressChecker
from services.control_plane.publisher.service import ApiService
from services.control_plane.store.applications import ApplicationService
from services.control_plane.store.subscriptions import SubscriptionService
from services.control_plane.workflow.approvals import ApprovalService
from services.control_plane.workflow.posting import Poster
from services.control_plane.workflow.queue import EventQueue
from services.control_plane.workflow.sending import Sender
from services.control_plane.workflow.settings import SettingsService
from services.control_plane.workflow.webhooks import WebhookService

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Workflow:
    settings: SettingsService
    queue: EventQueue
    sender: Sender
    provided: dict[type, object]


def build_workflow(
    below: Mapping[type, object],
    database: Database,
    sealer: Sealer,
    addresses: AddressChecker,
    clock: Clock,
    random: Random,
) -> Workflow:
    """Return it for the services below, which are given by their types. From now on what happens is queued."""

    def get(kind: type[T]) -> T:
        return cast("T", below[kind])

    poster, settings, queue = Poster(addresses), SettingsService(), EventQueue(clock)
    database.before_commit(queue.fill)
    answers = ApprovalService(get(ApiService), get(ApplicationService), get(SubscriptionService), clock)
    provided = {
        SettingsService: settings,
        ApprovalService: answers,
        WebhookService: WebhookService(sealer, poster, clock),
    }
    return Workflow(settings, queue, Sender(database, sealer, poster, clock, random), provided)
