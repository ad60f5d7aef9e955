from datetime import UTC, datetime, timedelta

from services.control_plane.portal.usage_picture import HEIGHT, WIDTH, draw
from services.control_plane.usage.schemas import UsageItem, UsageReport

SINCE = datetime(2026, 3, 20, tzinfo=UTC)


def report(*messages: tuple[int, int, int], hours: int = 24) -> UsageReport:
    """Return a day with messages sent and received in some of its hours."""
    nothing = dict.fromkeys(("opened", "bytes_published", "bytes_delivered", "messages_dropped"), 0)
    times = dict.fromkeys(("delayed_ms", "connected_ms"), 0)
    items = [
        UsageItem.model_validate(
            {
                **nothing,
                **times,
                "at": SINCE + timedelta(hours=hour),
                "messages_published": sent,
                "messages_delivered": got,
            }
        )
        for hour, sent, got in messages
    ]
    until = SINCE + timedelta(hours=hours)
    return UsageReport(since=SINCE, until=until, step="hour", items=items, refused={}, closed={}, truncated=False)


def test_each_step_has_a_bar_and_the_highest_fills_the_picture() -> None:
    picture = draw(report((1, 30, 70), (23, 10, 0)))
    assert len(picture.bars) == 24
    assert picture.highest == 100
    assert [(bar.sent_height, bar.height) for bar in picture.bars if bar.height] == [
        (0.3 * HEIGHT, HEIGHT),
        (0.1 * HEIGHT, 0.1 * HEIGHT),
    ]
    assert picture.bars[-1].at == SINCE + timedelta(hours=23)
    assert picture.bars[-1].x + picture.bars[-1].width <= WIDTH


def test_without_traffic_there_is_nothing_to_see() -> None:
    picture = draw(report())
    assert picture.highest == 0
    assert not any(bar.height for bar in picture.bars)
