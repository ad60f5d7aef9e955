"""Every table, for migrations to compare with."""

from typing import Final

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from services.control_plane.asyncapi import models as asyncapi
from services.control_plane.blocklist import models as blocklist
from services.control_plane.catalogue import models as catalogue
from services.control_plane.environments import models as environments
from services.control_plane.identity import models as identity
from services.control_plane.issuers import models as issuers
from services.control_plane.kit import audit, idempotency, tenancy
from services.control_plane.oauth import models as oauth
from services.control_plane.publisher import file_models as publisher_files
from services.control_plane.publisher import models as publisher
from services.control_plane.store import models as store
from services.control_plane.throttling import models as throttling
from services.control_plane.usage import models as usage
from services.control_plane.workflow import models as workflow

MODULES: Final = (
    asyncapi,
    blocklist,
    catalogue,
    environments,
    identity,
    issuers,
    audit,
    idempotency,
    tenancy,
    oauth,
    publisher,
    publisher_files,
    store,
    throttling,
    usage,
    workflow,
)

METADATA: Final[MetaData] = SQLModel.metadata
