"""Rows to what the pods and the callers read. Pure."""

from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.issuers.schemas import IssuerRead
from shared.claims import ExternalIssuerDefinition, IssuerDefinition


def catalogue_id(name: str) -> str:
    """Return where an issuer stands in the catalogue, apart from ours."""
    return f"external/{name}"


def define_external(row: ExternalIssuer) -> ExternalIssuerDefinition:
    fields = row.model_dump(include=set(ExternalIssuerDefinition.model_fields))
    return ExternalIssuerDefinition.model_validate({**fields, "introspection": _define_introspection(row)})


def define_issuer(row: ExternalIssuer) -> IssuerDefinition:
    return IssuerDefinition(issuer=row.issuer, keys=(), external=define_external(row))


def read_issuer(row: ExternalIssuer) -> IssuerRead:
    fields = row.model_dump(include=set(IssuerRead.model_fields))
    introspection = None
    if row.introspection_url is not None:
        introspection = {"url": row.introspection_url, "client_id": row.introspection_client_id, "client_secret": True}
    key_ids = [key.get("kid") for key in row.keys]
    return IssuerRead.model_validate({**fields, "key_ids": key_ids, "introspection": introspection})


def _define_introspection(row: ExternalIssuer) -> dict[str, str | None] | None:
    if row.introspection_url is None:
        return None
    return {
        "url": row.introspection_url,
        "client_id": row.introspection_client_id,
        "sealed_secret": row.sealed_introspection_secret,
    }
