"""A plot of times against sizes, both on logarithmic axes, as SVG: no more than the page on growth needs."""

import math
from collections.abc import Mapping, Sequence

Curve = Sequence[tuple[float, float]]  # sizes and seconds

WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 250, 60, 40, 35
COLOURS = ("#1f5fa8", "#c2571a")
UNITS = {-6: "1 µs", -5: "10 µs", -4: "100 µs", -3: "1 ms", -2: "10 ms", -1: "100 ms", 0: "1 s", 1: "10 s"}


def panels(by_axis: Mapping[str, Mapping[str, Curve]]) -> str:
    """Return a panel for each axis, side by side, with the same scale of seconds; a line of slope 1 for the eye."""
    values = [seconds for curves in by_axis.values() for curve in curves.values() for _, seconds in curve]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    total = LEFT + len(by_axis) * (WIDTH + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {TOP + HEIGHT + 75}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{total}" height="{TOP + HEIGHT + 75}" fill="white"/>',
    ]
    parts += [_panel(i, axis, curves, low, high) for i, (axis, curves) in enumerate(by_axis.items())]
    for decade in range(low, high + 1):
        height = _up(decade, low, high)
        parts.append(f'<text x="{LEFT - 6}" y="{height + 4:.0f}" text-anchor="end">{UNITS.get(decade, decade)}</text>')
    for i, name in enumerate(next(iter(by_axis.values()))):
        x, y = LEFT + 180 * i, TOP + HEIGHT + 62
        parts.append(
            f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{COLOURS[i]}"/><text x="{x + 10}" y="{y}">{name}</text>'
        )
    x = LEFT + 180 * len(COLOURS)
    parts.append(f'<path d="M{x} {TOP + HEIGHT + 58}h30" stroke="#999" stroke-dasharray="3 4"/>')
    parts.append(f'<text x="{x + 38}" y="{TOP + HEIGHT + 62}">proportional to the size</text></svg>\n')
    return "\n".join(parts)


def _panel(i: int, axis: str, curves: Mapping[str, Curve], low: int, high: int) -> str:
    left = LEFT + i * (WIDTH + GAP)
    sizes = [size for curve in curves.values() for size, _ in curve]
    least, most = math.log10(min(sizes)), math.log10(max(sizes))

    def at(size: float, seconds: float) -> str:
        along = left + 15 + (math.log10(size) - least) / (most - least) * (WIDTH - 30)
        return f"{along:.1f},{_up(math.log10(seconds), low, high):.1f}"

    parts = [f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#333"/>']
    parts += [
        f'<path d="M{left} {_up(decade, low, high):.1f}h{WIDTH}" stroke="#ddd"/>' for decade in range(low + 1, high)
    ]
    for colour, curve in zip(COLOURS, curves.values(), strict=True):
        points = [at(*point) for point in curve]
        (size, seconds), last = curve[-1], curve[0][0]
        guide = f"{at(last, seconds * last / size)} {points[-1]}"
        parts.append(f'<polyline points="{guide}" fill="none" stroke="#999" stroke-dasharray="3 4"/>')
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in points:
            x, _, y = point.partition(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>')
    for size in sorted({min(sizes), max(sizes), sorted(set(sizes))[len(set(sizes)) // 2]}):
        x = at(size, 1).partition(",")[0]
        parts.append(f'<text x="{x}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{size:,.0f}</text>')
    parts.append(f'<text x="{left + WIDTH / 2}" y="{TOP - 12}" text-anchor="middle" font-weight="bold">{axis}</text>')
    return "\n".join(parts)


def _up(decade: float, low: int, high: int) -> float:
    return TOP + HEIGHT - (decade - low) / (high - low) * HEIGHT
