from datetime import datetime

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, SQLModel

from shared.catalogue import NO_DIGEST, Mark

STATE_ID = 1


class CatalogueState(SQLModel, table=True):
    """The one row that says what the catalogue holds. Whoever changes the catalogue locks it, to the commit.

    `api_edits` grows with every change of an API, also where pods need not know of it, and `account_edits` with every
    account that comes or goes, and every organisation that goes.
    """

    __tablename__ = "catalogue_state"

    id: int = Field(default=STATE_ID, primary_key=True, sa_column_kwargs={"autoincrement": False})
    epoch: str
    revision: int = Field(default=0, sa_type=BigInteger)
    digest: str = NO_DIGEST
    api_edits: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    account_edits: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})

    @property
    def mark(self) -> Mark:
        return Mark(self.epoch, self.revision, self.digest)


class CatalogueObject(SQLModel, table=True):
    """An object as the pods have it, so that reconciling needs no domain."""

    __tablename__ = "catalogue_object"

    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    body: str = Field(sa_type=Text)


class OutboxEntry(SQLModel, table=True):
    """One revision on its way to Redis. Without a body the object was removed."""

    __tablename__ = "outbox_entry"

    revision: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    kind: str
    id: str
    body: str | None = Field(default=None, sa_type=Text)
    digest: str
    created_at: datetime
    sent_at: datetime | None = Field(default=None, index=True)
