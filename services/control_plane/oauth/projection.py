"""Rows to what the pods read. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.claims import IssuerDefinition

ISSUER_ID: Final = "local"


def define_issuer(issuer: str, keys: Sequence[Mapping[str, Any]]) -> IssuerDefinition:
    return IssuerDefinition(issuer=issuer, keys=tuple(keys))
