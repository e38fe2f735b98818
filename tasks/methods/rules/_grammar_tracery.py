"""Grammars in the notation of Tracery: JSON of symbols, `#name.capitalize#` on the right-hand sides.

Source: Compton, Kybartas & Mateas 2015 (https://doi.org/10.1007/978-3-319-27036-4_14).
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tasks.core.errors import RecipeError, choices
from tasks.methods.rules._grammar import Ref, Rule

_PART = re.compile(r"\\(?P<escaped>.)|(?P<mark>[#\[\]\\])|(?P<plain>[^#\[\]\\]+)", re.DOTALL)
_VOWELS = "aeiou"


def read_tracery(text: str) -> tuple[list[Rule], str]:
    """Return the productions in the order written, and `origin`. An entry that is repeated weighs that many times more.

    RecipeError names what is not JSON, not text, not a known modifier, or an action such as `[hero:#name#]`, which
    carries a choice from one place to another and so is not context-free.
    """
    rules: list[Rule] = []
    wrong: list[str] = []
    for name, entries in _symbols(text):
        weights: dict[str, int] = {}
        for entry in entries:
            weights[entry] = weights.get(entry, 0) + 1
        for entry, weight in weights.items():
            where = f"'{name}': {json.dumps(entry, ensure_ascii=False)}"
            try:
                rules.append(
                    Rule(name, tuple(_items(entry)), float(weight), f"{name} -> {where.partition(': ')[2]}", name)
                )
            except ValueError as exc:
                wrong.append(f"{where}: {exc}")
    if wrong:
        raise RecipeError(f"grammar: {'; '.join(wrong)}")
    return rules, "origin"


def _symbols(text: str) -> Iterator[tuple[str, list[str]]]:
    try:
        pairs = json.loads(text, object_pairs_hook=lambda found: found)
    except json.JSONDecodeError as exc:
        raise RecipeError(f"grammar: not JSON: {exc.msg} at line {exc.lineno} column {exc.colno}") from exc
    if not pairs or not isinstance(pairs, list):
        raise RecipeError('grammar: it has no symbol; write {"origin": ["#greeting#!"], "greeting": ["hello"]}')
    seen: dict[str, None] = {}
    for name, value in pairs:
        entries = [value] if isinstance(value, str) else value
        if name in seen:
            raise RecipeError(f"grammar: symbol '{name}' is defined twice")
        if not name or re.search(r"[.#\[\]\\]", name):
            raise RecipeError(f"grammar: symbol '{name}' is not a name: it is empty or has one of . # [ ] \\")
        if not _are_texts(entries):
            raise RecipeError(f"grammar: symbol '{name}' is not a text or a list of texts")
        if not _encodes("".join([name, *entries])):
            raise RecipeError(f"grammar: symbol {name!a} is not valid Unicode: it has half of a surrogate pair")
        seen[name] = None
        yield name, entries


def _are_texts(entries: Any) -> bool:
    return isinstance(entries, list) and bool(entries) and all(isinstance(entry, str) for entry in entries)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _items(entry: str) -> Iterator[str | Ref]:
    literal, tag = "", None
    for match in _PART.finditer(entry):
        mark = match["mark"]
        if mark == "[":
            found = entry[match.start() : entry.find("]", match.start()) + 1 or None]
            raise ValueError(f"action '{found}' is not context-free and not supported; write \\[ for the character")
        if mark in ("]", "\\"):
            raise ValueError(f"a lone '{mark}'; write \\{mark} for the character")
        if mark == "#" and tag is None:
            if literal:
                yield literal
            literal, tag = "", ""
        elif mark == "#":
            yield _ref(tag or "")
            tag = None
        elif tag is None:
            literal += match["escaped"] or match["plain"]
        else:
            tag += match["escaped"] or match["plain"]
    if tag is not None:
        raise ValueError(f"'#{tag}' is not closed; write \\# for the character")
    if literal:
        yield literal


def _ref(tag: str) -> Ref:
    name, *modifiers = tag.split(".")
    if not name:
        raise ValueError(f"'#{tag}#' names no symbol; write \\# for the character")
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise ValueError(f"unknown modifier '{modifier}'{choices(modifier, MODIFIERS)}")
    return Ref(name, tuple(modifiers))


def modified(text: str, modifiers: tuple[str, ...]) -> str:
    """Return `text` after each modifier in turn; an empty text stays empty."""
    for modifier in modifiers:
        text = MODIFIERS[modifier](text) if text else text
    return text


def _capitalize(text: str) -> str:
    return text[0].upper() + text[1:]


def _capitalize_all(text: str) -> str:
    return re.sub(r"(?<!\S)\S", lambda match: match.group().upper(), text)


def _article(text: str) -> str:
    """Return the text after `a` or `an`; a `u` before a letter and `i` sounds as a consonant (unit)."""
    sounds_open = text[0].lower() in _VOWELS and not re.match(r"u.i", text, re.IGNORECASE)
    return f"{'an' if sounds_open else 'a'} {text}"


def _plural(text: str) -> str:
    if text[-1] in "shx":
        return text + "es"
    return text[:-1] + "ies" if _ends_in_consonant_y(text) else text + "s"


def _past(text: str) -> str:
    if text[-1] == "e":
        return text + "d"
    return text[:-1] + "ied" if _ends_in_consonant_y(text) else text + "ed"


def _ends_in_consonant_y(text: str) -> bool:
    return text[-1] == "y" and text[-2:-1] not in _VOWELS


MODIFIERS: dict[str, Callable[[str], str]] = {
    "capitalize": _capitalize,
    "capitalizeAll": _capitalize_all,
    "a": _article,
    "s": _plural,
    "ed": _past,
}
