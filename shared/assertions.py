"""What the platform tells a backend of a caller: a JWT that a pod signs, and the JWKS verifies."""

from typing import Final

ASSERTION_HEADER: Final = "X-JWT-Assertion"
ASSERTION_ALGORITHM: Final = "ES256"
ASSERTION_TYPE: Final = "framegate-assertion+jwt"
"""RFC 8725, section 3.11: so it is taken for no other kind of token, and never for an access token."""
