"""What crosses between the planes, or from one version to the next, by the names that recordings have."""

from pathlib import Path
from typing import Final

from shared.catalogue import KINDS
from shared.claims import AccessClaims
from shared.connections import Answer, Beat, CloseConnections, ListConnections, RenewConnection, WatchConnections
from shared.contract import Contract
from shared.definition import BackendCredentials
from shared.tail import TailBatch
from shared.tickets import Ticket
from shared.usage import UsageBatch

MODELS: Final[dict[str, type[Contract]]] = {
    **KINDS,
    "access-token": AccessClaims,
    "answer": Answer,
    "backend-credentials": BackendCredentials,
    "beat": Beat,
    "question-close": CloseConnections,
    "question-list": ListConnections,
    "question-renew": RenewConnection,
    "question-watch": WatchConnections,
    "tail-batch": TailBatch,
    "ticket": Ticket,
    "usage-batch": UsageBatch,
}

FOLDER: Final = Path(__file__).with_name("contract")
READERS: Final = FOLDER / "readers"
