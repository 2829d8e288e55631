"""Pictures of numbers, as SVG without a word in it: the page writes the words around it, so that they stay readable at
any width. Pure.

They are stretched to the width that there is, and coloured by the classes that the style sheet knows.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

_HEIGHT = 100.0
_STEP = 10.0  # width of a value
_GAP = 2.0  # between two columns, where there are few


def columns(stacks: Sequence[Sequence[int]], titles: Sequence[str], label: str) -> Markup:
    """A column for each of `stacks`, whose parts stand on each other, the first at the bottom. `titles`: what is shown
    where the pointer rests on one; `label`: what is read aloud instead of the picture."""
    top = max((sum(stack) for stack in stacks), default=0) or 1
    drawn = []
    for number, (stack, title) in enumerate(zip(stacks, titles, strict=True)):
        x, reached = number * _STEP, 0.0
        parts = [f'<rect class="hover" x="{x:g}" y="0" width="{_STEP:g}" height="{_HEIGHT:g}"/>']
        for part, value in enumerate(stack):
            height = _HEIGHT * value / top
            if value:
                reached += height
                parts.append(
                    f'<rect class="part{part}" x="{x + _GAP / 2:g}" y="{_HEIGHT - reached:.2f}" '
                    f'width="{_STEP - _GAP:g}" height="{height:.2f}"/>'
                )
        drawn.append(f"<g><title>{escape(title)}</title>{''.join(parts)}</g>")
    return _picture(len(stacks) * _STEP, "".join(drawn), label)


def line(values: Sequence[int], titles: Sequence[str], label: str) -> Markup:
    """A line through `values` above its area."""
    top = max(values, default=0) or 1
    points = [(number * _STEP + _STEP / 2, _HEIGHT - _HEIGHT * value / top) for number, value in enumerate(values)]
    path = " ".join(f"{x:g},{y:.2f}" for x, y in points)
    drawn = ""
    if points:
        area = f"{points[0][0]:g},{_HEIGHT:g} {path} {points[-1][0]:g},{_HEIGHT:g}"
        drawn = f'<polygon class="area" points="{area}"/><polyline class="line" points="{path}"/>'
    hovers = "".join(
        f'<rect class="hover" x="{number * _STEP:g}" y="0" width="{_STEP:g}" height="{_HEIGHT:g}">'
        f"<title>{escape(title)}</title></rect>"
        for number, title in enumerate(titles)
    )
    return _picture(len(values) * _STEP, drawn + hovers, label)


def bar(value: float, top: float, kind: str = "part0") -> Markup:
    """A bar beside the number that it shows, which is why nothing of it is read aloud."""
    width = 100.0 * value / top if top else 0.0
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="ground" width="100" height="10"/><rect class="{kind}" width="{width:.2f}" height="10"/></svg>'
    )


def _picture(width: float, drawn: str, label: str) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {max(width, _STEP):g} {_HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{drawn}</svg>'
    )
