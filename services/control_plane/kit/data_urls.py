"""Files inside documents: `data:image/png;base64,...` (RFC 2397), always in base64."""

import base64
import binascii
import re
from typing import Final

BEGINNING: Final = "data:"

_DATA_URL: Final = re.compile(r"data:[a-z0-9.+/-]*;base64,([A-Za-z0-9+/]*={0,2})", re.ASCII)


def write_data_url(content: bytes, media_type: str) -> str:
    return f"{BEGINNING}{media_type};base64,{base64.b64encode(content).decode()}"


def read_data_url(url: str) -> bytes:
    """Return what it holds. Raises `ValueError`."""
    found = _DATA_URL.fullmatch(url)
    if found is None:
        raise ValueError("must be a data URL in base64, as data:image/png;base64,...")
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error as error:
        raise ValueError(f"must be a data URL in base64: {error}") from error
