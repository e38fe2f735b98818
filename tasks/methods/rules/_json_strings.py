"""Columns of strings within lengths, patterns and formats: realistic where that fits, plain where it does not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.rules._json_facts import UNBOUNDED, Facts, ImpossibleError
from tasks.methods.rules._json_kinds import KINDS, of_format, of_name
from tasks.methods.rules._json_patterns import compiled
from tasks.methods.rules._json_pools import Pools, of_chars
from tasks.methods.rules._json_regex import matcher

_ROUNDS: Final = 60
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_ALNUM: Final = _LETTERS + "0123456789"
_EASY: Final = _LETTERS + _LETTERS.upper() + "0123456789" + " -_.!@#"
_LONGEST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Strings:
    """Draws the strings of one set of facts; `conforms(text, format)` is jsonschema's own format check."""

    facts: Facts
    name: str
    conforms: Callable[[str, str], bool]

    def draw(self, pools: Pools, n: int, *, unchecked: bool = False) -> pa.Array:
        """Return `n` strings (string array); ImpossibleError when the facts leave none that can be found.

        `unchecked`: the caller looks at every format itself, so that a plain one is not looked at twice.
        """
        sources = self._sources()
        if unchecked and self._only_format():
            return sources[0](pools, n)
        if self._contradicted():
            raise ImpossibleError("", f"no string was found{self._asked()}")
        done: list[pa.Array] = []
        missing = n
        for attempt in range(_ROUNDS):
            source = sources[min(attempt * len(sources) // _ROUNDS, len(sources) - 1)]
            # After the first round what is drawn is known to be refused often: draw more than is missing.
            asked = missing if attempt == 0 else min(max(4 * missing, 32), 4096)
            good = self._kept(source(pools, asked)).slice(0, missing)
            done.append(good)
            missing -= len(good)
            if missing <= 0:
                return pa.concat_arrays(done) if len(done) > 1 else done[0]
        raise ImpossibleError("", f"no string was found{self._asked()}")

    def _only_format(self) -> bool:
        facts = self.facts
        sized = facts.min_len > 0 or facts.max_len != UNBOUNDED
        return len(facts.formats) == 1 and not (facts.matches or sized or self._narrow())

    def _contradicted(self) -> bool:
        """Return whether a format or a pattern must hold and must not, as in the branches of a `oneOf`."""
        facts = self.facts
        return not {*facts.formats}.isdisjoint(facts.off_formats) or not {*facts.matches}.isdisjoint(facts.off_matches)

    def _asked(self) -> str:
        facts = self.facts
        said = [f"pattern {pattern!r}" for pattern in facts.matches]
        said += [f"not pattern {pattern!r}" for pattern in facts.off_matches]
        said += [f"format '{each}'" for each in facts.formats]
        said += [f"minLength {facts.min_len}"] if facts.min_len else []
        said += [f"maxLength {int(facts.max_len)}"] if facts.max_len != UNBOUNDED else []
        return " with " + " and ".join(said) if said else ""

    def _sources(self) -> list[Callable[[Pools, int], pa.Array]]:
        """Return where strings come from, the likeliest to fit first; later ones are tried when it keeps failing."""
        facts = self.facts
        if facts.formats:
            known = [kind for each in facts.formats if (kind := of_format(each))]
            overlaid = [self._overlaid(kind, pattern) for kind in known for pattern in facts.matches]
            return (
                [KINDS[kind] for kind in known] + overlaid + [_sized(kind, facts) for kind in known] + self._matching()
            )
        if facts.matches:
            return self._matching()
        said = of_name(self.name)
        natural = [KINDS[said]] if said else [KINDS["words"], KINDS["sentence"]]
        return [*natural, self._plain, *([self._easy, self._short] if self._narrow() else [])]

    def _narrow(self) -> bool:
        return bool(self.facts.off_matches or self.facts.off_formats or self.facts.banned)

    def _matching(self) -> list[Callable[[Pools, int], pa.Array]]:
        facts = self.facts
        each = [self._by_pattern(pattern, rich=rich) for rich in (False, True) for pattern in facts.matches]
        return [*each, self._joined] if len(facts.matches) > 1 else each

    def _overlaid(self, kind: str, pattern: str) -> Callable[[Pools, int], pa.Array]:
        """Return the source of strings of a kind that start or end with a match: `^2024-` on a date."""

        def column(pools: Pools, n: int) -> pa.Array:
            out = []
            for text in KINDS[kind](pools, n).to_pylist():
                match = matcher(pattern).draw(pools.rng, 0, self.facts.max_len) or ""
                cut = text.rfind(match[:1])
                out.append(match + text[len(match) :] if pattern.startswith("^") or cut < 0 else text[:cut] + match)
            return pa.array(out, pa.string())

        return column

    def _by_pattern(self, pattern: str, *, rich: bool) -> Callable[[Pools, int], pa.Array]:
        drawer = matcher(pattern, rich=rich)
        shape = drawer.positions()
        fixed = shape is not None and self.facts.min_len <= len(shape) <= self.facts.max_len

        def column(pools: Pools, n: int) -> pa.Array:
            if fixed and shape and all(chars.isascii() for chars in shape):
                return of_chars(pools.rng, shape, n)
            rng, facts = pools.rng, self.facts
            drawn = (drawer.draw(rng, facts.min_len, facts.max_len) for _ in range(n))
            return pa.array([text for text in drawn if text is not None], pa.string())

        return column

    def _joined(self, pools: Pools, n: int) -> pa.Array:
        """Return matches of every pattern one after the other: what meets several patterns that are not anchored."""
        rng, drawers = pools.rng, [matcher(pattern) for pattern in self.facts.matches]
        out = []
        for _ in range(n):
            parts = [drawer.draw(rng, 0, self.facts.max_len) or "" for drawer in drawers]
            out.append("".join(parts[i] for i in rng.permutation(len(parts))))
        return pa.array(out, pa.string())

    def _plain(self, pools: Pools, n: int) -> pa.Array:
        low, high = _lengths(self.facts)
        return _cut(of_chars(pools.rng, [_LETTERS] * high, n), pools.rng, low, high, n)

    def _easy(self, pools: Pools, n: int) -> pa.Array:
        low, high = _lengths(self.facts)
        return _cut(of_chars(pools.rng, [_EASY] * high, n), pools.rng, low, high, n)

    def _short(self, pools: Pools, n: int) -> pa.Array:
        low = int(min(self.facts.min_len, _LONGEST))
        high = int(min(self.facts.max_len, low + 1))
        return _cut(of_chars(pools.rng, [_EASY] * high, n), pools.rng, low, high, n)

    def _kept(self, drawn: pa.Array) -> pa.Array:
        """Return the strings that meet the facts; nothing is looked at where no fact can fail."""
        facts = self.facts
        if facts.min_len > 0 or facts.max_len != UNBOUNDED:
            sizes = pc.utf8_length(drawn)
            within = pc.and_(pc.greater_equal(sizes, facts.min_len), pc.less_equal(sizes, float(facts.max_len)))
            drawn = drawn.filter(within)
        if not (facts.matches or facts.formats or self._narrow()):
            return drawn
        return drawn.filter(pa.array([self._fits(text) for text in drawn.to_pylist()], pa.bool_()))

    def _fits(self, text: str) -> bool:
        facts = self.facts
        return (
            all(compiled(pattern).search(text) for pattern in facts.matches)
            and not any(compiled(pattern).search(text) for pattern in facts.off_matches)
            and all(self.conforms(text, each) for each in facts.formats)
            and not any(self.conforms(text, each) for each in facts.off_formats)
            and text not in facts.banned
        )


def _lengths(facts: Facts) -> tuple[int, int]:
    if facts.min_len > _LONGEST:
        raise ImpossibleError("", f"minLength {facts.min_len} is over the {_LONGEST} characters that we make")
    low = max(facts.min_len, min(3, facts.max_len))
    return int(low), int(min(facts.max_len, low + 9))


def _cut(texts: pa.Array, rng: np.random.Generator, low: int, high: int, n: int) -> pa.Array:
    sizes = rng.integers(low, high + 1, size=n)
    return pa.array([text[:size] for text, size in zip(texts.to_pylist(), sizes.tolist(), strict=True)], pa.string())


def _sized(kind: str, facts: Facts) -> Callable[[Pools, int], pa.Array]:
    """Return the source of strings of a format that fill the length that is asked for, where the format can stretch."""

    def column(pools: Pools, n: int) -> pa.Array:
        low, high = _lengths(facts)
        head, tail, least = _FRAMES.get(kind, ("", "", 0))
        room = max(least, int(rng_between(pools.rng, low, high)) - len(head) - len(tail))
        filler = of_chars(pools.rng, _labels(room), n)
        return pc.binary_join_element_wise(head, filler, tail, "")

    return column


def rng_between(rng: np.random.Generator, low: int, high: int) -> int:
    """Return a whole number from low to high, both included."""
    return int(rng.integers(low, high + 1))


def _labels(room: int) -> list[str]:
    # Host names allow 63 characters between dots.
    return ["." if i % 60 == 59 and i + 1 < room else _ALNUM[:26] for i in range(room)]


# Fixed head and tail of the shortest string of a format, and how much must stand between them.
_FRAMES: Final[dict[str, tuple[str, str, int]]] = {
    "email": ("", "@a.io", 1),
    "url": ("a:", "", 0),
    "hostname": ("", "", 1),
    "json_pointer": ("/", "", 0),
    "relative_json_pointer": ("0/", "", 0),
    "regex": ("", "", 0),
    "uri_template": ("", "", 1),
    "ipv6": ("::", "", 0),
}


def content_text(pools: Pools, media: str | None) -> str:
    """Return one document of a media type that is plain enough to make: text, HTML, CSV or XML."""
    words = pools.take("sentence", 2).to_pylist()
    if media == "text/html":
        return f"<!doctype html><p>{words[0]}</p><p>{words[1]}</p>"
    if media == "text/csv":
        return f'id,text\n1,"{words[0]}"\n2,"{words[1]}"\n'
    if media in ("application/xml", "text/xml"):
        return f"<?xml version='1.0'?><note><line>{words[0]}</line><line>{words[1]}</line></note>"
    return " ".join(words)


MEDIA_TYPES: Final = ("application/json", "text/plain", "text/html", "text/csv", "application/xml", "text/xml")


def encode(text: str, encoding: str) -> Any:
    """Return the text in one of ENCODINGS (RFC 4648 and RFC 2045)."""
    import base64  # noqa: PLC0415 - used by few schemas
    import quopri  # noqa: PLC0415 - used by few schemas

    raw = text.encode()
    makers = {
        "base64": base64.b64encode, "base64url": base64.urlsafe_b64encode, "base32": base64.b32encode,
        "base32hex": base64.b32hexencode, "base16": base64.b16encode, "quoted-printable": quopri.encodestring,
    }  # fmt: skip
    return makers[encoding](raw).decode() if encoding in makers else text


ENCODINGS: Final = (
    "base64", "base64url", "base32", "base32hex", "base16", "quoted-printable", "7bit", "8bit", "binary",
)  # fmt: skip
