from services.data_plane.attached import Attached
from shared.definition import Endpoint


def test_a_value_is_made_once_and_goes_with_its_owner() -> None:
    values: Attached[object] = Attached()
    owner, equal = Endpoint(urls=("ws://a",)), Endpoint(urls=("ws://a",))
    mine = values.of(owner, object)
    assert values.of(owner, object) is mine
    assert values.of(equal, object) is not mine
    assert len(values) == 2
    del owner
    assert len(values) == 1
    del equal
    assert len(values) == 0
