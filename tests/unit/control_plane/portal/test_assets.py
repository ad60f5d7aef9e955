import gzip
import re

from services.control_plane.portal.assets import asset_path, find_asset


def test_a_file_is_found_by_a_name_that_holds_its_digest() -> None:
    path = asset_path("console.css")
    assert re.fullmatch(r"/static/console\.[0-9a-f]{16}\.css", path)
    asset = find_asset(path)
    assert asset is not None
    assert gzip.decompress(asset.packed) == asset.content
    assert find_asset("/static/console.css") is None
    assert find_asset("/static/../assets.py") is None


def test_licences_are_not_served() -> None:
    assert find_asset("/static/LICENSE") is None
