"""Which version this is: said here, for an image holds the sources alone, and no package of ours."""

from typing import Final

VERSION: Final = "0.1.0"
