"""What the figures say, in a sentence each: the title of its picture. Nothing is claimed that the interval does not hold up.

Capitals say that something speaks against the winners.
"""

import math
import re

import pandas

#: From where on judges are said to agree, a mean to be reliable, and a place to be clear: the whole interval has to be above.
AGREE, RELIABLE, CLEAR = 0.5, 0.5, 0.8


def listed(what) -> str:
    """One, two and three."""
    texts = [str(each) for each in what]
    return " and ".join(([", ".join(texts[:-1])] if len(texts) > 1 else []) + texts[-1:])


def who(entries) -> str:
    """Entries by number, many by their count."""
    return listed(sorted(entries)) if len(entries) < 4 else f"{len(entries)} entries"


def gaps(seen: pandas.DataFrame, table: pandas.DataFrame, given) -> str:
    """seen, table   by name: all that was given, and the part of it without a gap; given   the judging, for who is recused"""
    if given.method == "choice":
        return f"{sum(map(int, given.votes.values()))} people voted; there is no panel"
    silent = [judge for judge in seen if seen[judge].isna().all()]
    missing, recused = int(seen.isna().sum(axis=None)) - len(given.recused), len(given.recused)
    said = f"{len(seen)} entries, {seen.shape[1]} judges by {given.method}; {f'{missing} of {seen.size} MISSING' if missing else 'nothing is missing'}"
    said += f", {recused} recused" if recused else ""
    said += f"; nothing from {listed(silent)}" if silent else ""
    left = [judge for judge in seen if judge not in table and judge not in silent], [str(entry) for entry in seen.index if entry not in table.index]
    return said + (f"; left out below: {listed([*left[0], *(f'entry {entry}' for entry in left[1])])}" if any(left) else "")


def methods(places: dict[str, dict[int, tuple[int, int]]], own: str) -> str:
    """places   {method: {entry: (best, worst place)}}, as agreement.under gives them; own   the category's method"""
    sure = {method: {e for e, (_, worst) in found.items() if worst == 1} for method, found in places.items()}
    maybe = {method: {e for e, (best, _) in found.items() if best == 1} for method, found in places.items()}
    said = {m: f"{who(sure[m])}{' level' if len(sure[m]) > 1 else ''}" if sure[m] == maybe[m] and sure[m] else "only by lot" if maybe[m] else "nobody"
            for m in places}
    if not any(maybe.values()):
        return "NOBODY has a place yet under any method: nothing was judged"
    if len(places) == 1:
        return f"Only {'votes' if own == 'choice' else own} were given, which no other method can count; first: {said[own]}"
    if len(sure[own]) == 1 and all(sure[own] <= maybe[m] for m in places):
        doubtful = [f"{m} {f'{who(maybe[m])} level' if sure[m] == maybe[m] else 'only by lot'}" for m in places if len(maybe[m]) > 1]
        return f"Every method puts {who(sure[own])} first" + (f"; {listed(doubtful)}" if doubtful else "")
    by_answer = {}
    for method, text in said.items():
        by_answer.setdefault(text, []).append(method)
    one = any(len(sure[m]) == len(maybe[m]) == 1 for m in places)
    return ("The first place is NOT the same under every method: " if one else "NO method puts one entry first: ") + "; ".join(
        f"{listed(ms)}: {text}" for text, ms in by_answer.items())


def order(table: pandas.DataFrame, w: float, low: float, high: float) -> str:
    """table   whole: what W was made of"""
    if not table.shape[1]:
        return "There is nobody whose order could be compared"
    if math.isnan(w):
        why = ("fewer than two judges can be compared" if table.shape[1] < 2 else "fewer than two entries were judged by all" if len(table) < 2
               else "no judge tells any entry from another")
        return f"Whether the judges agree CANNOT be said: {why}"
    if high - low < 1e-6:
        return ("The judges agree wholly: W = 1, whichever entries are looked at" if w > 0.999 else
                f"The judges do NOT agree on the order: W = {w:.2f}{', their orders cancel out' if w < 0.01 else ''}; "
                "an interval CANNOT be had, since it is so whichever entries are taken")
    said = "agree on the order" if low > AGREE else "do NOT agree on the order" if high < AGREE else "MAY agree on the order or not"
    return f"The judges {said}: W = {w:.2f} ({low:.2f} to {high:.2f})"


def reliable(table: pandas.DataFrame, icc: pandas.DataFrame) -> str:
    """icc   as agreement.icc gives it"""
    one, mean = icc.loc["ICC2"], icc.loc["ICC2k"]
    if math.isnan(mean["value"]):
        why = ("fewer than two judges can be compared" if table.shape[1] < 2 else "fewer than two entries were judged by all" if len(table) < 2
               else "all entries have the same mean")
        return f"The panel's mean CANNOT be relied on: {why}"
    alone = "as good as nothing" if one["value"] <= 0 else f"{one['value']:.2f}"
    return (f"The panel's mean is {'reliable' if mean['low'] > RELIABLE else 'NOT known to be reliable'}: {max(0, mean['value']):.2f} "
            f"({max(0, mean['low']):.2f} to {max(0, mean['high']):.2f}); a judge alone: {alone}")


def no_marks(method: str) -> str:
    """What is said where only orders, tokens or votes were given."""
    return f"In a category by {method} there are no marks: neither a mean to rely on nor a judge who could be strict"


def severity(judges: pandas.DataFrame) -> str:
    """judges   as agreement.severity gives it, by name"""
    if len(judges) < 2:
        return "Whether a judge is stricter CANNOT be said: there is nobody to compare with"
    apart = judges[(judges["low"] > 0) | (judges["high"] < 0)].sort_values("above")
    flat = list(judges.index[judges["spread"] == 0])
    told = [f"{name} is {'milder' if row['above'] > 0 else 'stricter'} by {abs(row['above']):.1f}" for name, row in apart.iterrows()]
    said = f"{listed(told)} points" if told else "No judge is known to be stricter or milder than the others"
    if len(flat) == len(judges):
        return "ALL judges give all entries THE SAME: none tells one from another"
    if flat:
        return f"{listed(flat)} {'gives' if len(flat) == 1 else 'give'} all entries THE SAME; {said[0].lower() + said[1:] if not told else said}"
    return said


def close(chances: pandas.DataFrame, winners: list[int], judges: int, drawn: str) -> str:
    """chances   as agreement.chances gives it; winners   who has the first place; judges   how many gave anything; drawn   what was drawn"""
    if not winners:
        return "How close it was CANNOT be said: nothing was judged"
    if len(winners) > 1:
        most = f"; none is first in more than {chances[1].max():.0%} of the {drawn}" if len(chances) and judges > 1 else ""
        return f"{who(winners)} SHARE the first place{most}"
    if judges == 1:
        return f"How close it was CANNOT be said: one judge alone put {winners[0]} first"
    kept = chances.loc[winners[0], 1]
    rival = chances[1].drop(winners[0]).idxmax() if len(chances) > 1 else None
    if kept > CLEAR:
        return f"{winners[0]} is clearly first: in {kept:.0%} of the {drawn}"
    return f"{winners[0]} is NOT clearly first: in {kept:.0%} of the {drawn}; {rival} is in {chances.loc[rival, 1]:.0%}"


def leader(leaders: dict[int, tuple[int, ...]]) -> str:
    """leaders   {line: who had the first place behind it}"""
    seen = [(seq, first) for seq, first in leaders.items() if first]
    if not seen:
        return "Nobody has led yet: nothing was judged"
    last, turns = seen[-1][1], sum(a[1] != b[1] for a, b in zip(seen, seen[1:]))
    since = seen[-1][0]
    for seq, first in reversed(seen):
        if first != last:
            break
        since = seq
    changed = f"the lead changed {turns} times" if turns > 1 else "the lead changed once" if turns else "nobody else ever led"
    return f"{who(last)} {'leads' if len(last) == 1 else 'are LEVEL at the end,'} since line {since} of {seen[-1][0]}; {changed}"


def truth(found: pandas.DataFrame, gaps: pandas.DataFrame) -> str:
    """found   {share}: a row a number of judges, a column a method; gaps   by method: how far behind the best, with an interval"""
    good = [method for method in found if gaps.loc[method, "low"] <= 0]
    worse = [method for method in found if method not in good]
    share = found.mean()
    said = f"{listed(good).capitalize()} find{'s' if len(good) == 1 else ''} the best entry most often ({share[good].max():.0%})"
    if not worse:
        return f"No method is better than another: each finds the best entry in {share.min():.0%} to {share.max():.0%}"
    return said + f"; less often: {listed(f'{method} ({share[method]:.0%})' for method in worse)}"


def enough(shares: dict[int, tuple[float, float, float]], goal: float) -> str:
    """shares   {judges: (share, low, high)} of contests whose best entry came first"""
    sure = next((n for n, (_, low, _) in shares.items() if low >= goal), None)
    most, last = max(shares), shares[max(shares)]
    if sure is None:
        return f"Even {most} judges are NOT sure to find the best in {goal:.0%} of the contests: {last[0]:.0%} ({last[1]:.0%} to {last[2]:.0%})"
    return (f"{sure} judges are enough for a goal of {goal:.0%}: they find the best in {shares[sure][0]:.0%} of the contests"
            + (f", {most} judges in {last[0]:.0%}" if most != sure else ""))


def better(now: float, more: float, closer: float, apart: tuple[float, float, float]) -> str:
    """now, more, closer   shares: as it is, with two judges more, with half the noise; apart   closer ahead of more, with an interval"""
    if apart[1] > 0:
        return f"Looking twice as closely helps more ({now:.0%} becomes {closer:.0%}) than two judges more ({more:.0%})"
    if apart[2] < 0:
        return f"Two judges more help more ({now:.0%} becomes {more:.0%}) than looking twice as closely ({closer:.0%})"
    return f"No telling which helps more: looking twice as closely ({now:.0%} becomes {closer:.0%}) or two judges more ({more:.0%})"


def whole(report: dict, lines: int) -> str:
    """report   as contest.verify gives it; lines   how many are whole"""
    if report["ok"]:
        return f"The contest is whole: {report['log']['seq']} lines, {report['photos']['named']} photos, {len(report['backups'])} backups"
    return f"The contest is DAMAGED: the log is whole up to line {lines}; {report['faults'][0].rstrip('.')}"


def forged(rows: list[dict]) -> str:
    """rows   as history.forged gives them"""
    if not rows:
        return "No forgery was tried: the log is damaged already"
    silent = [row for row in rows if not row["the log shows it"]]
    unseen = [row for row in silent if "NOT" not in row["the hash written down"]]
    said = f"{len(rows) - len(silent)} of {len(rows)} forgeries are shown by the log itself"
    if not silent:
        return said
    return said + (f"; {len(unseen)} by NOTHING" if unseen else f"; {len(silent)} only by the last hash, to whoever has written it down")


def since(rows: list[dict], then: int, now: int) -> str:
    """rows   as history.places gives them"""
    if not rows:
        return f"From line {then} to {now} nothing of this category has changed"
    moved = sum(row["place then"] != row["place now"] for row in rows)
    return f"From line {then} to {now} {len(rows)} entries have other sheets or scores; {moved} have another place"


def changed(rows: list[dict], late: int) -> str:
    """rows   as history.changed_sheets gives them; late   sheets that came after the judging had closed"""
    said = f"Sheets were CHANGED {len(rows)} times after they had been given" if rows else "No mark was changed after it had been given"
    return said + (f"; {late} sheets are marked LATE" if late else "")


def verdict(said: list[str], fine: str = "Nothing speaks against these winners.", doubt: str = "Look again before anybody is called up.") -> str:
    """All that was claimed, and what follows from it."""
    against = re.search(r"\b(NOT|NO|NOTHING|CANNOT|NOBODY|MAY|SHARE|LEVEL|MISSING|THE SAME|DAMAGED|CHANGED|LATE)\b", "\n".join(said))
    return "\n".join(dict.fromkeys(each + "." for each in said)) + "\n\n" + (doubt if against else fine)
