from typing import Annotated

from fastapi import Depends

from services.control_plane.kit.provide import provide
from services.control_plane.usage.billing import BillReader
from services.control_plane.usage.reports import UsageReader

Reader = Annotated[UsageReader, Depends(provide(UsageReader))]
Bills = Annotated[BillReader, Depends(provide(BillReader))]
