from typing import Annotated

from fastapi import Depends

from services.control_plane.kit.provide import provide
from services.control_plane.usage.reports import UsageReader

Reader = Annotated[UsageReader, Depends(provide(UsageReader))]
