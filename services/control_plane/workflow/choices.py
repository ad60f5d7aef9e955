"""What administrators can choose, and the states that questions and deliveries have."""

from typing import Literal

from pydantic import BaseModel

ApprovalState = Literal["PENDING", "APPROVED", "REJECTED", "WITHDRAWN"]
DeliveryState = Literal["PENDING", "DELIVERED", "DEAD"]


class Choices(BaseModel):
    """Every setting with its default. A row may say more than this version knows: it is left alone."""

    approve_subscriptions: bool = False
    approve_applications: bool = False
    approve_publications: bool = False
