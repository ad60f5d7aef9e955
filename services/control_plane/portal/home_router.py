"""The way in, and the files that pages need."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.control_plane.identity.scopes import PUBLISHER_WRITE
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.portal.access import sign_in_path
from services.control_plane.portal.assets import PREFIX, find_asset
from services.control_plane.portal.forms import Visitor

router = APIRouter(include_in_schema=False)


@router.get("/")
async def go_in(visitor: Visitor) -> Response:
    """Lead people to where their work begins."""
    if visitor is None:
        return RedirectResponse(sign_in_path("/"), 303)
    return RedirectResponse("/publisher" if PUBLISHER_WRITE in visitor.principal.scopes else "/store", 303)


@router.get(PREFIX + "{name}")
async def send_asset(request: Request, name: str) -> Response:
    asset = find_asset(PREFIX + name)
    if asset is None:
        raise NotFoundError
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        **({"Content-Encoding": "gzip"} if takes_gzip else {}),
    }
    return Response(asset.packed if takes_gzip else asset.content, media_type=asset.media_type, headers=headers)
