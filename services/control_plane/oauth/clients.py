"""Clients as Authlib's grants look at them."""

from services.control_plane.oauth.models import OAuthClient


class GrantClient:
    """A client that has authenticated itself, or that a browser named."""

    def __init__(self, row: OAuthClient) -> None:
        self.row = row

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.row.grant_types
