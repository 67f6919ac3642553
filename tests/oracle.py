"""A second opinion on standings: slow, obvious, and written from the rules alone, not from contest.py.

Each function is one paragraph of the rules, in their order and as literally as it goes: an entry is compared with every
other, a partition is found by trying all of them, ranks are counted column by column. Only for a handful of entries.

    opinion(judging) -> {"rows": {entry: (place, decided_by)}, "scores", "unranked", "missing", "flags", "unresolved", "stale"}

`judging` is anything with the fields of contest.Judging.
"""

import itertools
from fractions import Fraction
from types import SimpleNamespace


def opinion(judging) -> dict:
    """The standings of a judging, by the rules."""
    it = SimpleNamespace(
        entries=sorted(judging.entries), panel=list(judging.panel), recused=set(judging.recused), criteria=list(judging.criteria),
        method=judging.method, sheets=dict(judging.sheets), hands={j: list(h) for j, h in judging.hands.items()},
        tokens=judging.tokens, votes=dict(judging.votes), flags=set(), stale=[])
    judges, score, groups, missing = {"points": by_points, "trimmed": by_points, "tokens": by_tokens, "ranking": by_ranking, "choice": by_votes}[it.method](it)
    ranked = [e for e in it.entries if judges[e]]
    it.flags |= {f"quorum:{e}" for e in ranked if len(judges[e]) < judging.quorum}
    groups = run_offs(it, groups, judging.run_offs)
    groups = decisions(it, groups, judging.decisions)
    rows, unresolved = {}, []
    for group, by in groups:
        place = 1 + len(rows)
        if by is None and place <= judging.places:
            unresolved.append(sorted(group))
        rows |= {e: (place, by or "shared") for e in group}
    return {"rows": rows, "scores": {e: score[e] for e in ranked}, "unranked": [e for e in it.entries if not judges[e]],
            "missing": {(j, e) for j, e in missing if j not in judging.gone}, "flags": it.flags if it.entries else set(),
            "unresolved": sorted(unresolved), "stale": it.stale}


def average(numbers) -> Fraction:
    numbers = list(numbers)
    return sum(numbers, Fraction(0)) / len(numbers)


# People's choice.

def by_votes(it):
    """One after the other takes the highest number of votes that is left; without a vote there is no place."""
    judges = {e: ["somebody"] * it.votes.get(e, 0) for e in it.entries}
    score = {e: len(judges[e]) for e in it.entries}
    groups = []
    for number in range(max(score.values(), default=0), 0, -1):
        level = [e for e in it.entries if score[e] == number]
        if level:
            groups.append((level, "votes" if len(level) == 1 else None))
    return judges, score, groups, set()


# Points and trimmed.

def by_points(it):
    """A sheet counts only whole; t is its weighted mean; S the mean of the t, perhaps without the highest and the lowest."""
    t = {}
    for judge in it.panel:
        for entry in it.entries:
            sheet = it.sheets.get((judge, entry), {})
            if it.criteria and (judge, entry) not in it.recused and not [c for c in it.criteria if c.id not in sheet]:
                weights = [Fraction(str(c.weight)) for c in it.criteria]
                weighted = [w * Fraction(str(sheet[c.id])) for w, c in zip(weights, it.criteria)]
                t[judge, entry] = sum(weighted) / sum(weights)
    judges = {e: [j for j in it.panel if (j, e) in t] for e in it.entries}
    missing = {(j, e) for j in it.panel for e in it.entries if (j, e) not in it.recused and (j, e) not in t}
    numbers = [len(judges[e]) for e in it.entries]
    trim = it.method == "trimmed" and len(set(numbers)) == 1 and numbers[0] >= 4
    if it.method == "trimmed" and not trim:
        it.flags.add("trim-off:fewer-than-4" if len(set(numbers)) == 1 else "trim-off:unequal-panel")
    mean = {}
    for entry in it.entries:
        values = [t[j, entry] for j in judges[entry]]
        if values and max(values) - min(values) >= 3:
            it.flags.add(f"spread:{entry}")
        if trim:
            values.remove(max(values))
            values.remove(min(values))
        if values:
            mean[entry] = average(values)
    marks = {c.id: {e: average(Fraction(str(it.sheets[j, e][c.id])) for j in judges[e]) for e in mean} for c in it.criteria}
    groups = split([([e for e in it.entries if judges[e]], None)], "mean", lambda group: by_number(group, mean))
    for criterion in it.criteria:
        groups = split(groups, f"criterion:{criterion.id}", lambda group: by_number(group, marks[criterion.id]))
    return judges, mean, split(groups, "head-to-head", lambda group: duels(group, t, it.panel)), missing


def by_number(group, number) -> list[list]:
    """Blocks of the same number, the highest first: the place of each is how many are strictly higher."""
    higher = {e: sum(number[other] > number[e] for other in group) for e in group}
    return [[e for e in group if higher[e] == place] for place in sorted(set(higher.values()))]


def split(groups, name, into) -> list:
    """One step of the chain: it decides an entry when it leaves it alone, also one that was alone from the start."""
    after = []
    for group, by in groups:
        if by or not group:
            after += [(group, by)] if group else []
            continue
        after += [(block, name if len(block) == 1 else None) for block in into(group)]
    return after


def duels(group, t, panel) -> list[list]:
    """Of all ordered partitions whose earlier blocks beat the later ones, entry by entry, the one with most blocks."""
    def beats(a, b):
        both = [j for j in panel if (j, a) in t and (j, b) in t]
        return sum(t[j, a] > t[j, b] for j in both) > sum(t[j, b] > t[j, a] for j in both)

    found = [[group]]
    for size in range(2, len(group) + 1):
        for labels in itertools.product(range(size), repeat=len(group)):
            if set(labels) == set(range(size)):
                blocks = [[e for e, label in zip(group, labels) if label == n] for n in range(size)]
                if all(beats(a, b) for x, y in itertools.combinations(blocks, 2) for a in x for b in y):
                    found.append(blocks)
    return max(found, key=len)


# Tokens.

def by_tokens(it):
    """S is the number of tokens; those for an entry that is out or recused are lost."""
    valid = {(j, e) for j in it.panel for e in it.hands.get(j, []) if e in it.entries and (j, e) not in it.recused}
    gave = {j for j, _ in valid}
    judges = {e: [j for j in it.panel if j in gave and (j, e) not in it.recused] for e in it.entries}
    if any(set(judges[a]) != set(judges[b]) for a in it.entries for b in it.entries):
        it.flags.add("uneven-panel")
    number = {e: len([1 for _, to in valid if to == e]) for e in it.entries}
    missing = set()
    for judge in it.panel:
        eligible = [e for e in it.entries if (judge, e) not in it.recused]
        if len([1 for j, _ in valid if j == judge]) < min(it.tokens, len(eligible)):
            missing.add((judge, None))
    groups = split([([e for e in it.entries if judges[e]], None)], "tokens", lambda group: by_number(group, number))
    return judges, number, groups, missing


# Ranking.

def by_ranking(it):
    """Rules 5 to 8, a column k at a time."""
    ranks = {e: {} for e in it.entries}
    missing = set()
    for judge in it.panel:
        eligible = {e for e in it.entries if (judge, e) not in it.recused}
        order = [e for e in it.hands.get(judge, []) if e in eligible]
        missing |= {(judge, e) for e in eligible if e not in order}
        if set(order) == eligible:
            for rank, entry in enumerate(order, 1):
                ranks[entry][judge] = rank

    def upto(entry, k):
        return [r for r in ranks[entry].values() if r <= k]

    def share(entry, k):
        return Fraction(len(upto(entry, k)), len(ranks[entry]))

    unplaced = [e for e in it.entries if ranks[e]]
    groups = []
    for k in range(1, len(it.entries) + 1):
        majority = [e for e in unplaced if share(e, k) > Fraction(1, 2)]
        unplaced = [e for e in unplaced if e not in majority]
        part = split([(majority, None)], "majority", lambda group: [group])
        part = split(part, "larger-majority", lambda group: by_number(group, {e: share(e, k) for e in group}))
        part = split(part, "lower-sum", lambda group: by_number(group, {e: -average(upto(e, k)) for e in group}))
        for next_k in range(k + 1, len(it.entries) + 1):
            part = split(part, "next-place", lambda group: by_number(group, {e: share(e, next_k) for e in group}))
            part = split(part, "next-place", lambda group: by_number(group, {e: -average(upto(e, next_k)) for e in group}))
        groups += part
    assert not unplaced
    return {e: list(ranks[e]) for e in it.entries}, dict.fromkeys(it.entries), groups, missing


# What people decide.

def run_offs(it, groups, held) -> list:
    """Each applies to a group that is exactly its entries; else it is void."""
    for key, entries, votes in held:
        if not [1 for group, by in groups if by is None and sorted(group) == sorted(entries)]:
            it.flags.add("run-off-stale")
            it.stale.append(key)
            continue
        number = dict.fromkeys(entries, 0)
        for judge, entry in votes.items():
            if judge in it.panel and entry in number and not [e for e in entries if (judge, e) in it.recused]:
                number[entry] += 1
            else:
                it.flags.add(f"run-off-vote:{key}:{judge}")
        groups = split(groups, "run-off", lambda group: by_number(group, number) if sorted(group) == sorted(entries) else [group])
    return groups


def decisions(it, groups, made) -> list:
    """Each needs a reason and a tied group that is exactly its entries; of two that fit, the later counts."""
    fitting, void = {}, set()
    for order, reason in made:
        named = [e for block in order for e in block]
        tied = [group for group, by in groups if by is None and sorted(group) == sorted(named)]
        if tied and reason.strip() and all(order):
            fitting[tuple(sorted(named))] = order
        else:
            void.add(tuple(sorted(named)))
    it.flags |= {"decision-void:" + "+".join(map(str, named)) for named in void if named not in fitting}
    after = []
    for group, by in groups:
        order = fitting.get(tuple(sorted(group))) if by is None else None
        after += [(list(block), "decision") for block in order] if order else [(group, by)]
    return after
