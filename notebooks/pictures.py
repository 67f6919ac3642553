"""How the notebooks draw: one claim a picture, the claim above it, what the axes mean with its unit, one colour for what matters.

Dark against pale throughout, and a number beside each mark: nothing hangs on telling red from green.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy
import pandas
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

CARBON, INK, PALE, RULE, BACKING, TISSUE = "#43289B", "#131118", "#B6B2BF", "#6B6678", "#FFD54A", "#FBFBF9"
#: From dark to pale: 1st, 2nd, 3rd.
STEPS = ("#43289B", "#8C76D6", "#D6CDF5")
_WIDE = 7.4  # inches: the width of a notebook's column
#: Families that have what the first lacks, of which a machine may have one.
_MORE = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "WenQuanYi Zen Hei", "IPAGothic", "Noto Sans Arabic", "Noto Sans Thai")

plt.rcParams.update({
    "figure.facecolor": TISSUE, "axes.facecolor": TISSUE, "savefig.facecolor": TISSUE, "figure.dpi": 110, "font.size": 10, "text.color": INK,
    "axes.edgecolor": RULE, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.spines.left": False, "ytick.major.size": 0, "axes.unicode_minus": True, "figure.constrained_layout.use": True,
    "font.family": ["DejaVu Sans", *(name for name in _MORE if name in font_manager.get_font_names())]})


def writable(names: dict[str, str]) -> dict[str, str]:
    """{id: name}, the id where no font at hand can write the name; two of the same name are told apart by their ids."""
    fonts = [FT2Font(font_manager.findfont(family)).get_charmap() for family in plt.rcParams["font.family"]]
    shown = {key: name if all(any(ord(letter) in each for each in fonts) for letter in name) else key for key, name in names.items()}
    return {key: name if list(shown.values()).count(name) == 1 else f"{name} ({key})" for key, name in shown.items()}


def label(name: str, width: int = 22) -> str:
    """A name in two short lines at most."""
    lines = textwrap.wrap(name, width)
    return "\n".join(lines[:2]) + ("…" if len(lines) > 2 else "")


def paper(claim: str, height: float):
    """A figure with its claim above it, and its axes."""
    fig, ax = plt.subplots(figsize=(_WIDE, height + 0.2 * claim_lines(claim)))
    fig.suptitle(wrapped(claim), x=0.01, ha="left", fontsize=11.5, fontweight="bold", linespacing=1.25)
    return fig, ax


def wrapped(claim: str) -> str:
    """A claim in lines of the picture's width."""
    lines = -(-len(claim) // 72)
    return "\n".join(textwrap.wrap(claim, min(76, len(claim) // lines + 8)))  # no word alone in a last line


def claim_lines(claim: str) -> int:
    """How many lines it takes."""
    return wrapped(claim).count("\n") + 1


def places(found: dict[str, dict[int, tuple[int, int]]], own: str, claim: str, most: int = 14) -> None:
    """Who has which place under which method: a row an entry, a column a method; the first place is filled."""
    rank = {e: min(worst for worst in (each.get(e, (999, 999))[1] for each in found.values())) for e in found[own]}
    shown = sorted(found[own], key=lambda e: (found[own][e], rank[e], e))[:most]
    fig, ax = paper(claim, 0.9 + 0.27 * len(shown))
    for x, each in enumerate(found.values()):
        for y, entry in enumerate(shown):
            best, worst = each.get(entry, (0, 0))
            fill = (BACKING, INK) if worst == 1 else ("#FFF2C4", RULE) if best == 1 else (TISSUE, "#E4E6E2")
            ax.add_patch(plt.Rectangle((x - 0.46, y - 0.42), 0.92, 0.84, facecolor=fill[0], edgecolor=fill[1], lw=1))
            text = "none" if not best else str(best) if best == worst else f"{best} to {worst} (lot)"
            ax.text(x, y, text, ha="center", va="center", fontweight="bold" if best == 1 else "normal")
    ax.set_xlim(-0.5, len(found) - 0.5), ax.set_ylim(len(shown) - 0.5, -0.5), ax.tick_params(length=0)
    ax.set_xticks(range(len(found)), [f"{method}\n(this category)" if method == own else method for method in found])
    ax.set_yticks(range(len(shown)), shown), ax.set_ylabel(f"entry{'' if len(shown) == len(found[own]) else f', the first {most}'}")
    ax.set_xlabel("place under each method; yellow: first"), ax.spines["bottom"].set_visible(False)
    plt.show()


def orders(table: pandas.DataFrame, tokens: bool, claim: str, most: int = 20) -> None:
    """In which order each judge puts the entries: a row a judge, a column an entry, the darker the better."""
    ranks = table.rank(ascending=False)
    shown = ranks.loc[ranks.mean(axis=1).sort_values(kind="stable").index[:most]]
    fig, ax = paper(claim, 1.1 + 0.42 * shown.shape[1])
    shade = 1 - (shown.T.to_numpy() - 1) / max(1, len(table) - 1)
    ax.imshow(shade, cmap="Purples", aspect="auto", vmin=-0.05, vmax=1.1)
    for (y, x), rank in numpy.ndenumerate(shown.T.to_numpy()):
        text = ("token" if table.loc[shown.index[x], shown.columns[y]] else "") if tokens else f"{rank:g}"
        ax.text(x, y, text, ha="center", va="center", fontsize=8 if tokens or len(shown) > 12 else 10, color="white" if shade[y, x] > 0.55 else INK)
    ax.set_xticks(range(len(shown)), shown.index), ax.set_yticks(range(shown.shape[1]), map(label, shown.columns)), ax.tick_params(length=0)
    ax.set_xlabel("entry, the best on the average first" + ("; dark: got a token" if tokens else "; its rank with each judge (level ones share)"))
    ax.spines["bottom"].set_visible(False)
    plt.show()


def reliability(icc: pandas.DataFrame, claim: str) -> None:
    """The intraclass correlations on a scale whose parts have names (Koo and Li 2016)."""
    fig, ax = paper(claim, 1.9)
    for low, high, name, colour in ((0, 0.5, "poor", "#ECECE8"), (0.5, 0.75, "moderate", "#E2E0EA"), (0.75, 0.9, "good", "#D5CFEB"), (0.9, 1, "excellent", "#C3B8EA")):
        ax.axvspan(low, high, color=colour, lw=0), ax.text((low + high) / 2, 1.82, name, ha="center", va="center", fontsize=8.5)
    for y, (name, row) in enumerate(icc.iterrows()):
        low, value, high = (min(1, max(0, row[each])) for each in ("low", "value", "high"))
        ax.hlines(y, low, high, color=CARBON, lw=3), ax.plot(value, y, "o", color=CARBON, ms=9)
        ax.text(value, y + 0.22, f"{row['value']:.2f}" if row["value"] > 0 else "0 (or below)", ha="left" if value < 0.05 else "center", va="bottom", fontweight="bold")
    ax.set_yticks([0, 1], ["one judge\nalone", "the mean\nof the panel"]), ax.set_xlim(-0.005, 1.005), ax.set_ylim(-0.45, 2.0)
    ax.set_xlabel("share of the differences between marks that is the tattoos' (0 to 1), with its 95 % interval")
    plt.show()


def severities(judges: pandas.DataFrame, claim: str) -> None:
    """How far each judge is from the others, strict on the left, mild on the right; dark: more than chance."""
    judges = judges.sort_values("above", ascending=False)
    fig, ax = paper(claim, 1.0 + 0.42 * len(judges))
    widest = max(0.5, float(judges[["low", "high", "above"]].abs().max(axis=None)) * (1.5 if (judges["spread"] == 0).any() else 1.15))
    for y, (name, row) in enumerate(judges.iterrows()):
        colour = CARBON if row["low"] > 0 or row["high"] < 0 else RULE
        ax.hlines(y, row["low"], row["high"], color=colour, lw=3)
        ax.plot(row["above"], y, "o", ms=9, color=colour, markerfacecolor=TISSUE if row["spread"] == 0 else colour, markeredgewidth=2)
        ax.text(row["above"], y - 0.2, f"{round(row['above'], 1) + 0.0:+.1f}" + (" (all the same)" if row["spread"] == 0 else ""), ha="center", va="bottom", fontweight="bold",
                bbox={"facecolor": TISSUE, "edgecolor": "none", "pad": 0.5})
    ax.axvline(0, color=INK, lw=1, zorder=0.5), ax.set_yticks(range(len(judges)), map(label, judges.index)), ax.set_ylim(len(judges) - 0.5, -0.75), ax.set_xlim(-widest, widest)
    ax.set_xlabel("← stricter      points above the mean of the others, on the same entries      milder →")
    plt.show()


def shares(chances: pandas.DataFrame, claim: str, most: int = 10, of: str = "redrawn panels") -> None:
    """How often each entry takes each of the first places."""
    shown = chances[chances.sum(axis=1) > 0.01]
    shown = shown.loc[sorted(shown.index, key=lambda e: (*(-shown.loc[e].cumsum().round(6)), e))[:most]]
    fig, ax = paper(claim, 1.3 + 0.32 * len(shown))
    left = numpy.zeros(len(shown))
    for place, colour in zip(shown, STEPS):
        ax.barh(range(len(shown)), shown[place], left=left, color=colour, edgecolor=TISSUE, label=f"{place}{'stndrd'[2 * place - 2:2 * place]}", height=0.72)
        for y, share in enumerate(shown[place]):
            if share > 0.055:
                ax.text(left[y] + share / 2, y, f"{share:.0%}", ha="center", va="center", fontsize=9, color="white" if place == 1 else INK)
        left += shown[place].to_numpy()
    ax.set_yticks(range(len(shown)), shown.index), ax.invert_yaxis(), ax.set_ylabel("entry"), ax.set_xlim(0, 1.02), percent(ax.xaxis)
    ax.set_xlabel(f"share of the {of}"), ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.02), ncols=3, frameon=False, borderaxespad=0).set_in_layout(True)
    ax.set_ylim(len(shown) - 0.45, -1.15)
    plt.show()


def percent(axis) -> None:
    """An axis of shares as percent."""
    axis.set_major_formatter(lambda share, _: f"{share:.0%}")


def timeline(leaders: dict[int, tuple[int, ...]], marks: dict[str, int], claim: str, most: int = 12) -> None:
    """Who had the first place, line after line: a row an entry, dark while it is first alone, pale while it shares; marks: {what: line}."""
    seqs = list(leaders)
    ends = dict(zip(seqs, [*seqs[1:], seqs[-1] + max(1, len(seqs) // 40)]))
    held = {e: sum(ends[s] - s for s in seqs if e in leaders[s]) for first in leaders.values() for e in first}
    shown = sorted(sorted(held, key=lambda e: (-held[e], e))[:most], key=lambda e: next(s for s in seqs if e in leaders[s]))
    fig, ax = paper(claim, 1.0 + 0.15 * len(marks) + 0.3 * len(shown))
    begin = next((s for s in seqs if leaders[s]), seqs[0])
    for y, entry in enumerate(shown):
        for seq in (s for s in seqs if entry in leaders[s]):
            ax.barh(y, ends[seq] - seq, left=seq, color=CARBON if len(leaders[seq]) == 1 else STEPS[2], height=0.7, lw=0)
    for at, (what, seq) in enumerate(sorted(marks.items(), key=lambda item: item[1])):
        late = seq > (begin + list(ends.values())[-1]) / 2
        ax.axvline(seq, color=INK, lw=1, ls=":")
        ax.text(seq, -0.75 - 0.55 * at, f"{what} " if late else f" {what}", ha="right" if late else "left", va="center", fontsize=8.5,
                bbox={"facecolor": TISSUE, "edgecolor": "none", "pad": 0.5})
    ax.set_yticks(range(len(shown)), shown), ax.set_ylabel("entry"), ax.set_ylim(len(shown) - 0.4, -0.65 - 0.55 * len(marks)), ax.set_xlim(begin, list(ends.values())[-1])
    ax.set_xlabel("line of the log, from the first mark on;   dark: first alone, pale: shares the first place"), ax.xaxis.get_major_locator().set_params(integer=True)
    plt.show()


def found(table: dict[str, dict[int, tuple[float, float, float]]], claim: str) -> None:
    """How often each method finds the best entry: a block a method, in it a row a number of judges."""
    rows = [(method, n, each) for method, by_judges in table.items() for n, each in by_judges.items()]
    fig, ax = paper(claim, 1.0 + 0.24 * len(rows))
    ticks, size = [], max(1, len(rows) // max(1, len(table)))
    for at, (method, n, (share, low, high)) in enumerate(rows):
        y = at + 0.6 * (at // size)
        colour = list(reversed(STEPS))[at % size % 3] if size < 4 else CARBON
        ax.hlines(y, low, high, color=colour, lw=3), ax.plot(share, y, "o", color=colour, ms=8)
        ax.text(high + 0.012, y, f"{share:.0%}", va="center", fontsize=9), ticks.append((y, f"{method if at % size == size // 2 else ''}    {n} judges"))
    ax.set_yticks([y for y, _ in ticks], [text for _, text in ticks]), ax.set_ylim(ticks[-1][0] + 0.6, -0.6), ax.set_xlim(0, 1), percent(ax.xaxis)
    ax.grid(axis="x", color="#E4E6E2"), ax.set_axisbelow(True), ax.set_xlabel("contests in which it puts the truly best entry first, with the 95 % interval")
    plt.show()


def curve(shares_: dict[int, tuple[float, float, float]], goal: float, claim: str) -> None:
    """How often the best entry is found with so many judges; the goal as a line, the first that surely reaches it marked."""
    fig, ax = paper(claim, 3.0)
    numbers, points = list(shares_), list(shares_.values())
    ax.fill_between(numbers, [low for _, low, _ in points], [high for _, _, high in points], color=STEPS[2], lw=0)
    ax.plot(numbers, [share for share, _, _ in points], "o-", color=CARBON)
    ax.axhline(goal, color=INK, lw=1, ls="--"), ax.text(numbers[-1], goal - 0.02, f"goal: {goal:.0%}", ha="right", va="top", fontsize=9)
    for number, (share, low, high) in shares_.items():
        ax.text(number, high + 0.02, f"{share:.0%}", ha="center", va="bottom", fontsize=9, bbox={"facecolor": TISSUE, "edgecolor": "none", "pad": 0.5})
    sure = next((n for n, (_, low, _) in shares_.items() if low >= goal), None)
    if sure:
        ax.plot(sure, shares_[sure][0], "o", ms=15, markerfacecolor=BACKING, markeredgecolor=INK, zorder=3)
    ax.set_xticks(numbers), ax.set_ylim(0, 1.1), ax.set_yticks([0, 0.25, 0.5, 0.75, 1]), percent(ax.yaxis), ax.grid(axis="y", color="#E4E6E2"), ax.set_axisbelow(True)
    ax.set_xlabel("judges in the panel" + ("; yellow: the whole interval is above the goal" if sure else "")), ax.set_ylabel("contests whose best\nentry comes first")
    plt.show()


def compared(rows: dict[str, tuple[float, float, float]], claim: str) -> None:
    """Shares side by side, each with its interval; the last one dark."""
    fig, ax = paper(claim, 0.9 + 0.42 * len(rows))
    for y, (share, low, high) in enumerate(rows.values()):
        ax.barh(y, share, color=PALE if y == 0 else STEPS[2], height=0.6), ax.hlines(y, low, high, color=INK, lw=2)
        ax.text(high + 0.012, y, f"{share:.0%}", va="center", fontweight="bold")
    ax.set_yticks(range(len(rows)), list(rows)), ax.invert_yaxis(), ax.set_xlim(0, 1), percent(ax.xaxis)
    ax.set_xlabel("contests whose best entry comes first, with the 95 % interval")
    plt.show()
