"""How issuers are asked about opaque tokens: with a secret that is sealed for the pods, as those of backends are."""

from typing import Any, Final

from services.control_plane.issuers.errors import NoGoodAnswerError
from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.issuers.reading import IntrospectionClient, IssuerReader
from services.control_plane.issuers.schemas import IntrospectionBody
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.problems import InvalidError
from services.control_plane.kit.security import Sealer, UnsealError

_NOBODYS_TOKEN: Final = "framegate-tries-whether-it-may-ask"  # noqa: S105 - it opens nothing


class Introspection:
    def __init__(self, sealer: Sealer, reader: IssuerReader, bulkhead: Bulkhead) -> None:
        self._sealer = sealer
        self._reader = reader
        self._bulkhead = bulkhead

    def check(self, body: IntrospectionBody | None) -> None:
        """Try new credentials, before any transaction begins. Raises `InvalidError`."""
        if body is None or body.client_secret is True:
            return
        try:
            answer = self._reader.introspect(
                IntrospectionClient(body.url, body.client_id, body.client_secret), _NOBODYS_TOKEN
            )
        except NoGoodAnswerError as error:
            raise InvalidError.of("introspection", str(error)) from error
        if answer.get("active") is not False:
            raise InvalidError.of("introspection", "its answer is not one of RFC 7662")

    def assign(self, row: ExternalIssuer, body: IntrospectionBody | None) -> None:
        """Keep what is said from now on. Raises `InvalidError` where there is no secret to keep."""
        if body is None:
            row.introspection_url = row.introspection_client_id = row.sealed_introspection_secret = None
            return
        if body.client_secret is not True:
            row.sealed_introspection_secret = self._sealer.seal(body.client_secret)
        elif row.sealed_introspection_secret is None or body.url != row.introspection_url:
            # What was given for one place is sent to no other.
            raise InvalidError.of("introspection.client_secret", "is not set for this URL: true keeps what is set")
        row.introspection_url, row.introspection_client_id = body.url, body.client_id

    def ask(self, row: ExternalIssuer, token: str) -> dict[str, Any]:
        """Return what an issuer says of a token. Raises `NoGoodAnswerError` and `UnavailableError`."""
        if not (row.introspection_url and row.introspection_client_id and row.sealed_introspection_secret):
            raise NoGoodAnswerError("it is no JWT, and there is nobody to ask about it")
        try:
            secret = self._sealer.unseal(row.sealed_introspection_secret)
        except UnsealError as error:
            raise NoGoodAnswerError("what the issuer is asked with can't be read: set it again") from error
        client = IntrospectionClient(row.introspection_url, row.introspection_client_id, secret)
        with self._bulkhead.place():
            return self._reader.introspect(client, token)
