"""How far votes on the same things agree: Krippendorff's alpha for interval data, from sums that add up over shards.

Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability (https://repository.upenn.edu/asc_papers/43)
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

# The counters are whole numbers; 1/(votes - 1), by which disagreement is weighed, is not.
_SCALE = 27_720  # divisible by every number to 12
_SUMS = ("values", "sum", "squares", "disagreement")


def sums(name: str, votes: Sequence[int]) -> dict[str, int]:
    """Return the counters of the votes on one thing; none of them where there is only one vote."""
    if len(votes) < 2:
        return {}
    apart = 2 * sum((a - b) ** 2 for a, b in combinations(votes, 2))
    values = (len(votes), sum(votes), sum(vote * vote for vote in votes), apart * _SCALE // (len(votes) - 1))
    return {f"{name}/{part}": value for part, value in zip(_SUMS, values, strict=True)}


def names(counters: Mapping[str, int]) -> list[str]:
    """Return what was voted on, in the order of the counters."""
    return [key.removesuffix("/values") for key in counters if key.endswith("/values")]


def alpha(counters: Mapping[str, int], name: str) -> float:
    """Return Krippendorff's alpha of the votes that the counters sum up: 1 full agreement, 0 as good as chance."""
    count, total, squares, apart = (counters.get(f"{name}/{part}", 0) for part in _SUMS)
    expected = 2 * (count * squares - total * total)
    if not expected:
        return 1.0
    return 1 - (apart / _SCALE / count) / (expected / (count * (count - 1)))


def pairwise(votes: Iterable[Sequence[int]]) -> float | None:
    """Return the share of pairs of votes on the same thing that are equal, in [0, 1]; None where there is no pair."""
    pairs = [a == b for one in votes for a, b in combinations(one, 2)]
    return sum(pairs) / len(pairs) if pairs else None
