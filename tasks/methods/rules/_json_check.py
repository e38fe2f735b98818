"""jsonschema's verdict on a whole column of values, without asking it for each object.

Why this is exact. A column is only made for a goal with one leaf: a conjunction without a choice, in which the keywords
speak either of the value itself or of one child at a time. Such an object is valid if and only if its set of names is
(`required`, `additionalProperties`, ...) and each child meets its own subschemas; an array, if and only if its length
is and each item does. So it is enough that jsonschema sees

- one whole object of every set of names that was drawn, and the shortest and the longest array;
- of each scalar column: the least and the greatest number, the shortest and the longest string, as the bounds and
  `type` hold for a column of one Python type when they hold at its ends; `format` and `pattern`, which have no ends,
  are asked of every value, with the functions that jsonschema itself calls; any other keyword is asked of every
  distinct value.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tasks.methods.rules._json_breaks import follow
from tasks.methods.rules._json_compiled import Schema
from tasks.methods.rules._json_facts import Sub
from tasks.methods.rules._json_patterns import compiled

Mask = npt.NDArray[np.bool_]

_AT_THE_ENDS: Final = (
    "type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
)  # fmt: skip
_EACH: Final = ("format", "pattern")


def bad_scalars(schema: Schema, subs: Sequence[Sub], values: list[Any]) -> Mask:
    """Return which of the values (of one Python type) break a subschema."""
    bad = np.zeros(len(values), dtype=bool)
    for sub in subs:
        bad |= _bad(schema, _resolved(schema, sub), values)
    return bad


def _resolved(schema: Schema, sub: Sub) -> Sub:
    """Return what a subschema that only refers refers to, as jsonschema sees it."""
    while isinstance(sub.schema, dict) and _keywords(schema, sub) == ["$ref"]:
        sub = follow(sub, sub.schema["$ref"])
    return sub


def _keywords(schema: Schema, sub: Sub) -> list[str]:
    return [keyword for keyword in sub.schema if keyword in schema.whole.VALIDATORS]


def _bad(schema: Schema, sub: Sub, values: list[Any]) -> Mask:
    keywords = _keywords(schema, sub) if isinstance(sub.schema, dict) else ["boolean"]
    plain = sub.holds and all(keyword in _AT_THE_ENDS or keyword in _EACH for keyword in keywords)
    # A float may be whole or not, which is what `type: integer` asks: its ends say nothing of the rest.
    unsure = isinstance(values[0], float) and "integer" in str(sub.schema["type"]) if "type" in keywords else False
    if not plain or unsure:
        return _by_value(values, lambda value: schema.valid(sub, value) is sub.holds)
    ends = _ends(values)
    bad = np.zeros(len(values), dtype=bool)
    if not all(schema.valid(sub, value) for value in ends):
        return _by_value(values, lambda value: schema.valid(sub, value))
    if isinstance(values[0], str):
        for keyword in (each for each in keywords if each in _EACH):
            bad |= _bad_strings(schema, sub.schema[keyword], keyword, values)
    return bad


def _ends(values: list[Any]) -> list[Any]:
    if isinstance(values[0], str):
        return [min(values, key=len), max(values, key=len)]
    return [values[0]] if values[0] is None else [min(values), max(values)]


def _bad_strings(schema: Schema, asked: str, keyword: str, values: list[str]) -> Mask:
    if keyword == "pattern":
        search = compiled(asked).search
        return np.fromiter((search(value) is None for value in values), dtype=bool, count=len(values))
    conforms = schema.whole.format_checker.conforms
    return np.fromiter((not conforms(value, asked) for value in values), dtype=bool, count=len(values))


def _by_value(values: list[Any], good: Callable[[Any], bool]) -> Mask:
    verdicts: dict[Any, bool] = {}
    for value in values:
        if value not in verdicts:
            verdicts[value] = not good(value)
    return np.fromiter((verdicts[value] for value in values), dtype=bool, count=len(values))


def meets_all(schema: Schema, subs: Sequence[Sub], value: Any) -> bool:
    """Return jsonschema's verdict on one whole value under every subschema."""
    return all(schema.valid(sub, value) is sub.holds for sub in subs)


def first_of_each(present: Mask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return, for rows of which names are present, the first row of each set of names and each row's set."""
    packed = np.ascontiguousarray(np.packbits(present, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel() if packed.shape[1] else np.zeros(len(present))
    _sets, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return first, which
