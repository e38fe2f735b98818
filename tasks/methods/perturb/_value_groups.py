"""Amounts that are worth the same, as one: what holds for all of them, and which of them sum to which."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.methods.perturb._value_find import Amount, Kind
from tasks.methods.perturb._value_number import MILLION
from tasks.methods.perturb._value_sums import Total, multiples_of, totals_of

TOP = 10**12 * MILLION
_ADULT = 18


@dataclass(slots=True)
class Group:
    """A value of one text: every amount of it moves alike. All numbers are in millionths.

    `step`: the coarsest last digit that any of them shows; `low` and `high`: what all of them can be written as.
    """

    row: int
    kind: Kind
    unit: str
    value: int
    step: int = 1
    low: int = 0
    high: int = TOP
    fixed: bool = False
    members: list[int] = field(default_factory=list)

    def hold(self, amount: Amount, number: int, *, band: str) -> None:
        """Take an amount in, and narrow the bounds to what it can be written as."""
        self.members.append(number)
        self.unit = self.unit or amount.unit
        step = MILLION if amount.word else amount.style.step
        self.step = max(self.step, step)
        low, high = _limits(amount, step, band=band)
        self.low, self.high = max(self.low, low), min(self.high, high)


def _limits(amount: Amount, step: int, *, band: str) -> tuple[int, int]:
    """Return the lowest and highest value that an amount may have: its plural, its thousands, its meaning stay."""
    value, low, high = amount.value, step, TOP
    if value == 0:
        return 0, 0
    if amount.singular and value <= MILLION:
        low, high = (value, value) if value == MILLION else (low, MILLION - step)
    elif amount.singular:
        low = MILLION + step
    if amount.style.group and not amount.word:
        low = max(low, 1000 * MILLION)
    elif value < 1000 * MILLION:
        high = min(high, 1000 * MILLION - step)
    if amount.word:
        low, high = max(low, 2 * MILLION), min(high, 99 * MILLION)
    if amount.kind in {"percent", "age", "year"}:
        return _meant(amount, step, low, high, band=band)
    return low, high


def _meant(amount: Amount, step: int, low: int, high: int, *, band: str) -> tuple[int, int]:
    value, hundred = amount.value, 100 * MILLION
    if amount.kind == "percent":
        if value == hundred:
            return value, value
        return (low, min(high, hundred - step)) if value < hundred else (max(low, hundred + step), high)
    if amount.kind == "year":
        return max(low, 1000 * MILLION), min(high, 2999 * MILLION)
    high = min(high, 120 * MILLION)
    if band == "decade":
        decade = value // (10 * MILLION) * 10 * MILLION
        low, high = max(low, decade), min(high, decade + 10 * MILLION - step)
    adult = _ADULT * MILLION
    return (max(low, adult), high) if value >= adult else (low, min(high, adult - step))


@dataclass(slots=True)
class Ledger:
    """The groups of a batch, the totals among them, and sums that are not written: parts that make up 100 %."""

    groups: list[Group]
    totals: list[Total]
    wholes: list[tuple[int, tuple[int, ...]]]


def ledger(
    amounts: Sequence[Amount],
    targets: Collection[int],
    *,
    kept: Collection[tuple[int, int]],
    fixed: Collection[int],
    kinds: Collection[str],
    words: bool,
    band: str,
) -> Ledger:
    """Return the groups of amounts, and how they hang together.

    `targets`: numbers of the amounts that stand in the target; `kept`: (row, value) of what is no amount, so that one
    and the same number does not move here and stay there; `fixed`: amounts that are protected.
    """
    groups, number_of = _grouped(amounts, band)
    for number, amount in enumerate(amounts):
        group = groups[number_of[number]]
        group.fixed |= number in fixed or (amount.word and not words) or (group.row, group.value) in kept
    sums, wholes = _sums(groups, _orders(amounts, number_of), kept)
    summed = {total.group for total in sums}
    _hold_sums(groups, amounts, summed.union(*(total.parts for total in sums)))
    for number, group in enumerate(groups):
        only_target = all(member in targets for member in group.members)
        group.fixed |= group.kind not in kinds or (only_target and number not in summed)
    return Ledger(groups, sums, wholes)


def _hold_sums(groups: Sequence[Group], amounts: Sequence[Amount], known: Collection[int]) -> None:
    """Fix all of a kind in texts with a written sum that was not made out: it could not be kept true."""
    unknown = {
        (group.row, group.kind)
        for number, group in enumerate(groups)
        if number not in known and any(amounts[member].summed for member in group.members)
    }
    for group in groups:
        group.fixed |= (group.row, group.kind) in unknown


def _grouped(amounts: Sequence[Amount], band: str) -> tuple[list[Group], dict[int, int]]:
    """Return the groups, and the group of each amount. A plain number joins a price or quantity of its value."""
    groups: list[Group] = []
    numbers: dict[tuple[int, str, int], int] = {}
    first: dict[tuple[int, int], str] = {}
    for amount in amounts:
        if amount.kind != "number":
            first.setdefault((amount.row, amount.value), amount.kind)
    number_of = {}
    for number, amount in enumerate(amounts):
        kind = first.get((amount.row, amount.value), "number") if amount.kind == "number" else amount.kind
        key = (amount.row, kind, amount.value)
        if key not in numbers:
            numbers[key] = len(groups)
            groups.append(Group(amount.row, kind, "", amount.value))
        groups[numbers[key]].hold(amount, number, band=band)
        number_of[number] = numbers[key]
    return groups, number_of


def _orders(amounts: Sequence[Amount], number_of: Mapping[int, int]) -> dict[int, list[int]]:
    """Return for each row the groups of its amounts in the order of the text, the target's last."""
    rows: dict[int, list[int]] = {}
    for number, amount in enumerate(amounts):
        rows.setdefault(amount.row, []).append(number_of[number])
    return rows


def _sums(
    groups: Sequence[Group], orders: Mapping[int, Sequence[int]], kept: Collection[tuple[int, int]]
) -> tuple[list[Total], list[tuple[int, tuple[int, ...]]]]:
    totals: list[Total] = []
    wholes: list[tuple[int, tuple[int, ...]]] = []
    names: dict[int, set[int]] = {}
    for row, value in kept:
        names.setdefault(row, set()).add(value // MILLION)
    for row, order in orders.items():
        if len(order) < 2:
            continue
        sets: dict[tuple[str, str], list[int]] = {}
        for number in order:
            sets.setdefault((groups[number].kind, groups[number].unit), []).append(number)
        named = names.get(row, set())
        values = {number: groups[number].value for number in order}
        for (kind, _), members in sets.items():
            if kind in {"age", "year"} or len(set(members)) < 2:
                continue
            found = totals_of(members, values, pairs=kind == "money")
            totals += found
            if kind == "money":
                totals += _multiples(
                    [groups[one] for one in order], members, values, {total.group for total in found}, named
                )
            if kind == "percent" and sum(values[one] for one in members) == 100 * MILLION:
                wholes.append((100 * MILLION, tuple(members)))
    # A total may be part of a larger one, so the smaller comes first.
    totals.sort(key=lambda total: groups[total.group].value)
    return totals, wholes


def _multiples(
    row: Sequence[Group], members: Sequence[int], values: Mapping[int, int], known: Collection[int], named: set[int]
) -> list[Total]:
    """Return totals of several times one price; the count then stays, if it is not one of the `named` that do."""
    found = []
    counted = [group for group in row if group.kind != "money" and group.value % MILLION == 0]
    for total, times in multiples_of(members, values, named | {group.value // MILLION for group in counted}):
        if total.group not in known:
            found.append(total)
            for group in counted:
                group.fixed |= group.value == times * MILLION
    return found
