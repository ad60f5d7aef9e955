"""The one door through which routes reach what app.py built."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar, cast

from fastapi import FastAPI, Request

T = TypeVar("T")


def offer(app: FastAPI, objects: Mapping[type, object]) -> None:
    app.state.provided = dict(objects)


def obtain(request: Request, kind: type[T]) -> T:
    """Return the application's object of this type."""
    return cast("T", request.app.state.provided[kind])


def provide(kind: type[T]) -> Callable[[Request], Coroutine[Any, Any, T]]:
    """Return a dependency that answers the application's object of this type."""

    # A plain function would cost a hop to a thread.
    async def dependency(request: Request) -> T:
        return obtain(request, kind)

    return dependency
