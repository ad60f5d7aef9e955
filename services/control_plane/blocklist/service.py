from collections.abc import Sequence

from sqlmodel import Session

from services.control_plane.blocklist import repository
from services.control_plane.blocklist.errors import nothing_to_block
from services.control_plane.blocklist.models import Block
from services.control_plane.blocklist.projection import define_block
from services.control_plane.blocklist.schemas import BlockWrite
from services.control_plane.catalogue import outbox
from services.control_plane.catalogue.counts import Counted, edition_of_all
from services.control_plane.identity import repository as identity_repository
from services.control_plane.identity.models import Account
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.pagination import PageQuery
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.publisher import repository as publisher_repository
from services.control_plane.store import repository as store_repository


class BlockService:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._total = Counted(edition_of_all, repository.count_all)

    def list_page(self, session: Session, paging: PageQuery) -> tuple[Sequence[Block], int]:
        """Return a page of what is blocked, and how much that is."""
        return repository.list_page(session, paging, None if paging.q else self._total.read(session))

    def get(self, session: Session, block_id: str) -> Block:
        block = repository.find(session, block_id)
        if block is None:
            raise NotFoundError
        return block

    def create(self, session: Session, body: BlockWrite) -> Block:
        _check_subject(session, body)
        block = Block(id=new_id(), kind=body.kind, value=body.value, created_at=self._clock())
        repository.add(session, block)
        audit.record(session, "block.create", "block", block.id)
        self._publish(session, block)
        return block

    def delete(self, session: Session, block: Block, if_match: str | None) -> None:
        preconditions.check(if_match, block.row_version)
        session.delete(block)
        session.flush()
        audit.record(session, "block.delete", "block", block.id)
        outbox.record(session, "block", block.id, None, self._clock())

    def follow(self, session: Session, account: Account) -> None:
        """Hold a new account to a block of its name that was there before it.

        One that meets a service account goes on by name: nobody frees that by taking its name.
        """
        block = repository.find_of_user(session, account.name)
        if block is not None and not identity_repository.has_service(session, account.name):
            self._publish(session, block)

    def _publish(self, session: Session, block: Block) -> None:
        person = identity_repository.find_person(session, block.value) if block.kind == "user" else None
        outbox.record(session, "block", block.id, define_block(block, person.id if person else None), self._clock())


def _check_subject(session: Session, body: BlockWrite) -> None:
    """Refuse ids that are not there. A user may be blocked before there is one. Raises `InvalidError`."""
    if body.kind == "api" and not publisher_repository.exists(session, body.value):
        raise nothing_to_block("API")
    if body.kind == "application" and not store_repository.application_exists(session, body.value):
        raise nothing_to_block("application")
