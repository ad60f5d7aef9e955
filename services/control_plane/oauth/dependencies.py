from typing import Annotated

from fastapi import Depends

from services.control_plane.kit.provide import provide
from services.control_plane.oauth.keyring import KeyRing
from services.control_plane.oauth.requests import TokenRequest, read_token_request
from services.control_plane.oauth.server import TokenServices
from services.control_plane.oauth.signing import IssuerService
from services.control_plane.oauth.tokens import TokenIssuer

Tokens = Annotated[TokenServices, Depends(provide(TokenServices))]
Issuer = Annotated[TokenIssuer, Depends(provide(TokenIssuer))]
Signing = Annotated[IssuerService, Depends(provide(IssuerService))]
Ring = Annotated[KeyRing, Depends(provide(KeyRing))]
TokenForm = Annotated[TokenRequest, Depends(read_token_request)]
