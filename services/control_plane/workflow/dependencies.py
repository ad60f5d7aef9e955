from typing import Annotated

from fastapi import Depends

from services.control_plane.kit.provide import provide
from services.control_plane.workflow.approvals import ApprovalService
from services.control_plane.workflow.settings import SettingsService
from services.control_plane.workflow.webhooks import WebhookService

Answers = Annotated[ApprovalService, Depends(provide(ApprovalService))]
PlatformChoices = Annotated[SettingsService, Depends(provide(SettingsService))]
Webhooks = Annotated[WebhookService, Depends(provide(WebhookService))]
