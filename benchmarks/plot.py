"""The newest results as one picture: docs/explanation/performance.svg, drawn without any library."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.harness.results import read_newest

PICTURE = Path(__file__).resolve().parents[1] / "docs/explanation/performance.svg"

# Okabe and Ito's colours: people who see fewer still tell them apart.
COLOURS = {"framegate": "#D55E00", "haproxy": "#0072B2", "nginx": "#009E73", "aiohttp": "#8C8C8C"}
LABELS = {"framegate": "Framegate", "haproxy": "HAProxy", "nginx": "nginx", "aiohttp": "plain aiohttp"}
OFFSETS = {"haproxy": -4, "nginx": 4}  # so that dots of the same value are both seen
LARGE = "-64k"

WIDTH, MARGIN, LEFT = 860, 24, 120
ROW, DOTS_TOP, BARS_HEIGHT = 26, 92, 205
RATIO_LEAST, RATIO_MOST = 0.02, 3.0
TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 3)

Result = Mapping[str, Any]


def main() -> int:
    PICTURE.write_text(draw({name: read_newest(name) for name in ("relay", "handshake", "memory", "latency")}))
    print(f"written to {PICTURE}")
    return 0


def draw(results: Mapping[str, Result | None]) -> str:
    """Return the picture: ratios of the relay above, bars of the others below."""
    relay = results.get("relay")
    rows = relay["workloads"] if relay else []
    bars_top = DOTS_TOP + ROW * max(len(rows), 1) + 70
    parts = [*draw_ratios(rows), *draw_bars(results, bars_top)]
    height = bars_top + BARS_HEIGHT
    box = f'viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
            "<title>Framegate beside HAProxy, nginx and a plain aiohttp relay</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#FFFFFF"/>',
            *parts,
            "</svg>\n",
        ]
    )


def draw_ratios(workloads: Sequence[Result]) -> Iterator[str]:
    """Yield a line a workload with a dot a peer: the median, and a whisker between the quartiles."""
    yield heading(MARGIN, 28, "CPU time a relayed message: Framegate's as a ratio to each peer's")
    yield text(MARGIN, 46, "left of 1 Framegate is cheaper; hollow: the peer with 64 KiB buffers", fill="#555555")
    yield from legend(("haproxy", "nginx", "aiohttp"))
    bottom = DOTS_TOP + ROW * max(len(workloads), 1)
    for tick in TICKS:
        strong = tick == 1
        yield line(at(tick), DOTS_TOP - 8, at(tick), bottom - 8, "#333333" if strong else "#E0E0E0")
        yield text(at(tick), bottom + 8, f"{tick:g}", anchor="middle", fill="#333333")
    if not workloads:
        yield text(LEFT, DOTS_TOP + 6, "not measured yet", fill="#555555")
    for index, workload in enumerate(workloads):
        y = DOTS_TOP + ROW * index + 6
        yield text(LEFT - 12, y + 4, workload["name"], anchor="end")
        for ratio in workload["ratios"]:
            if ratio["subject"] == "framegate":
                yield from draw_ratio(ratio, y + OFFSETS.get(ratio["peer"].removesuffix(LARGE), 0))


def draw_ratio(ratio: Result, y: float) -> Iterator[str]:
    peer, large = ratio["peer"].removesuffix(LARGE), ratio["peer"].endswith(LARGE)
    colour = COLOURS.get(peer)
    if colour is None:
        return
    yield line(at(ratio["q1"]), y, at(ratio["q3"]), y, colour, width=2)
    yield (
        f'<circle cx="{at(ratio["median"]):.1f}" cy="{y:.1f}" r="4.5" stroke="{colour}" stroke-width="2"'
        f' fill="{"#FFFFFF" if large else colour}"/>'
    )


def draw_bars(results: Mapping[str, Result | None], top: float) -> Iterator[str]:
    width = (WIDTH - 2 * MARGIN) / 3
    panels = (
        ("handshake", "CPU ms a handshake", "cpu_ms_a_handshake", 1.0),
        ("memory", "KiB an idle connection", "bytes_a_connection", 1024.0),
        ("latency", "Added round trip, p50, us", "added_p50_us", 1.0),
    )
    for index, (name, title, figure, unit) in enumerate(panels):
        left = MARGIN + index * width
        yield heading(left, top, title)
        result = results.get(name)
        if result is None:
            yield text(left, top + 24, "not measured yet", fill="#555555")
        else:
            figures = result["workloads"][0]["figures"][figure]
            values = {peer: figures[peer]["median"] / unit for peer in COLOURS if peer in figures}
            yield from draw_panel(left, top + 18, width - 30, values)


def draw_panel(left: float, top: float, width: float, values: Mapping[str, float]) -> Iterator[str]:
    most = max([*values.values(), 0.001])
    room = width - 60
    for index, (peer, value) in enumerate(values.items()):
        y = top + index * 44
        yield text(left, y + 10, LABELS[peer])
        length = max(room * value / most, 1)
        yield f'<rect x="{left:.1f}" y="{y + 15:.1f}" width="{length:.1f}" height="14" fill="{COLOURS[peer]}"/>'
        yield text(left + length + 6, y + 26, f"{value:,.0f}" if value >= 100 else f"{value:.3g}")


def legend(peers: Sequence[str]) -> Iterator[str]:
    for index, peer in enumerate(peers):
        x = LEFT + index * 110
        yield f'<circle cx="{x}" cy="66" r="4.5" fill="{COLOURS[peer]}"/>'
        yield text(x + 10, 70, LABELS[peer])


def at(ratio: float) -> float:
    """Return where a ratio lies on the axis, which is logarithmic; what lies outside is put on its edge."""
    inside = min(max(ratio, RATIO_LEAST), RATIO_MOST)
    share = math.log(inside / RATIO_LEAST) / math.log(RATIO_MOST / RATIO_LEAST)
    return LEFT + share * (WIDTH - MARGIN - LEFT)


def heading(x: float, y: float, content: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="14" font-weight="bold">{escape(content)}</text>'


def text(x: float, y: float, content: str, *, anchor: str = "start", fill: str = "#000000") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width:g}"/>'


if __name__ == "__main__":
    sys.exit(main())
