"""Rows to what the pods and the callers read. Pure."""

from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.issuers.schemas import IssuerRead
from shared.claims import ExternalIssuerDefinition, IssuerDefinition


def catalogue_id(name: str) -> str:
    """Return where an issuer stands in the catalogue, apart from ours."""
    return f"external/{name}"


def define_external(row: ExternalIssuer) -> ExternalIssuerDefinition:
    return ExternalIssuerDefinition.model_validate(row.model_dump(include=set(ExternalIssuerDefinition.model_fields)))


def define_issuer(row: ExternalIssuer) -> IssuerDefinition:
    return IssuerDefinition(issuer=row.issuer, keys=(), external=define_external(row))


def read_issuer(row: ExternalIssuer) -> IssuerRead:
    fields = row.model_dump(include=set(IssuerRead.model_fields))
    return IssuerRead.model_validate({**fields, "key_ids": [key.get("kid") for key in row.keys]})
