from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from services.control_plane.blocklist.errors import BlockExistsError
from services.control_plane.blocklist.models import Block
from services.control_plane.kit.pagination import Listing, PageQuery, count

_LISTING: Final = Listing(
    search=(col(Block.kind), col(Block.value)),
    sort={"created_at": col(Block.created_at), "kind": col(Block.kind), "value": col(Block.value)},
    unique=col(Block.id),
)


def find(session: Session, id_: str) -> Block | None:
    return session.get(Block, id_)


def find_of_user(session: Session, name: str) -> Block | None:
    return session.exec(select(Block).where(Block.kind == "user", Block.value == name)).first()


def list_page(session: Session, query: PageQuery, total: int | None = None) -> tuple[Sequence[Block], int]:
    """Return one page and the total, which is counted unless it is known."""
    return _LISTING.fetch(session, select(Block), query, total)


def count_all(session: Session) -> int:
    return count(session, select(Block))


def add(session: Session, block: Block) -> None:
    """Insert. Raises `BlockExistsError`."""
    exists = BlockExistsError(block.kind, block.value)
    session.add(block)
    try:
        session.flush()
    except IntegrityError as error:
        raise exists from error
