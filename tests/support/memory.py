"""What is still in memory."""

import gc


def living(*types: type) -> list[object]:
    """Return the objects of these types that nobody has cleared away."""
    return [item for item in gc.get_objects() if isinstance(item, types)]
