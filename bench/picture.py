"""A picture of figures beside each other, as an SVG of plain text that reads well on a light and on a dark page."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

WIDTH, EDGE, LABELS, FIGURES = 860, 24, 176, 84
BAR, STEP = 20, 27

STYLE = """
  svg { --page: #F3F4F1; --text: #131118; --quiet: #4A4653; --bar: #8F8A9C; --ours: #FFD54A; --edge: #131118; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0D0C10; --text: #F3F4F1; --quiet: #B6B2BF; --bar: #6B6678; --edge: #FFD54A; } }
  .page { fill: var(--page); }
  text { font: 15px system-ui, sans-serif; fill: var(--text); }
  .title { font-size: 20px; font-weight: 700; }
  .group { font-weight: 700; }
  .quiet { fill: var(--quiet); }
  .figure { font-variant-numeric: tabular-nums; }
  .bar { fill: var(--bar); }
  .ours { fill: var(--ours); stroke: var(--edge); stroke-width: 1.5; }
  .strong { font-weight: 700; }
"""


def bars(path: Path, title: str, below: str, groups: Mapping[str, Mapping[str, float]], ours: str) -> None:
    """Write horizontal bars, a group under the other, each group to its own scale.

    groups   {heading: {name: figure}}, drawn in this order
    ours     the name that stands out
    """
    drawn, top = [], 84
    for heading, figures in groups.items():
        drawn.append(f'<text class="group" x="{EDGE}" y="{top + 14}">{escape(heading)}</text>')
        drawn += _group(figures, top + 26, ours)
        top += 26 + STEP * len(figures) + 22
    said = "; ".join(f"{heading}: " + ", ".join(f"{name} {_figure(figure)}" for name, figure in figures.items()) for heading, figures in groups.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" role="img" aria-labelledby="title desc">\n'
        f'<title id="title">{escape(title)}</title>\n<desc id="desc">{escape(said)}</desc>\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{top}"/>\n<text class="title" x="{EDGE}" y="38">{escape(title)}</text>\n'
        f'<text class="quiet" x="{EDGE}" y="62">{escape(below)}</text>\n' + "\n".join(drawn) + "\n</svg>\n", "utf-8")


def _group(figures: Mapping[str, float], top: float, ours: str) -> list[str]:
    """The bars of one group; the longest fills the width."""
    most, room, drawn = max(figures.values()), WIDTH - 2 * EDGE - LABELS - FIGURES, []
    for name, figure in figures.items():
        strong = " strong" * (name == ours)
        long = max(2.0, room * figure / most)
        drawn += [f'<text class="{strong.strip() or "name"}" x="{EDGE + LABELS - 12}" y="{top + 15}" text-anchor="end">{escape(name)}</text>',
                  f'<rect class="{"ours" if strong else "bar"}" x="{EDGE + LABELS}" y="{top}" width="{long:.1f}" height="{BAR}"/>',
                  f'<text class="figure{strong}" x="{EDGE + LABELS + long + 8:.1f}" y="{top + 15}">{_figure(figure)}</text>']
        top += STEP
    return drawn


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
