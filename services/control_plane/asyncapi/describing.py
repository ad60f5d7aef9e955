"""What pods are told of an API's messages, out of its document."""

from sqlmodel import Session

from services.control_plane.asyncapi import repository
from services.control_plane.asyncapi.checks import find_checks
from services.control_plane.asyncapi.conversion import as_version_3
from services.control_plane.asyncapi.mocking import make_mock
from services.control_plane.publisher.messages import Asked, Described


def describe(session: Session, api_id: str, asked: Asked) -> Described:
    """Return what is asked for. Raises `InvalidError` where the document says too little, or there is none."""
    given = repository.find(session, api_id)
    document = {} if given is None else as_version_3(given)
    checks = find_checks(document, {"publish": asked.publish, "subscribe": asked.subscribe})
    return Described(checks, make_mock(document, asked.mocked) if asked.mocked else None)
