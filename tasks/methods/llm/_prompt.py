"""The text of a prompt: an instruction with placeholders, examples, attributes, and the form of the answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tasks.core import record
from tasks.core.errors import RecordError
from tasks.core.rollout import Row
from tasks.methods.llm._chat import GUARD, block, plain, quoted, transcript, value_of

FILTERS = ("quote", "block", "trusted")
_HOLE = re.compile(r"\{\{\s*([^\W\d][\w-]*(?:\.[\w-]+)*)\s*(?:\|\s*([a-z]+)\s*)?\}\}")
_LOGIC = re.compile(r"\{%|\{#|\{\{|\}\}")
# These hold whole texts, the others words.
_BODIES = frozenset({"text", "target", "messages"})


@dataclass(frozen=True, slots=True)
class Hole:
    """A placeholder: a column of the seed, a field in one, or an attribute."""

    path: str
    filter: str | None

    @property
    def head(self) -> str:
        """The column."""
        return self.path.partition(".")[0]


@lru_cache(maxsize=64)
def parts_of(template: str) -> tuple[str | Hole, ...]:
    """Return the texts and the placeholders of a template, in order; ValueError for what is neither."""
    out: list[str | Hole] = []
    last = 0
    for found in _HOLE.finditer(template):
        if found[2] not in (None, *FILTERS):
            raise ValueError(f"unknown filter '{found[2]}' in '{found[0]}'; have: {', '.join(FILTERS)}")
        out += [template[last : found.start()], Hole(found[1], found[2])]
        last = found.end()
    out.append(template[last:])
    for part in out:
        if isinstance(part, str) and (wrong := _LOGIC.search(part)):
            shown = part[wrong.start() : wrong.start() + 30]
            raise ValueError(f"'{shown}' is no placeholder; have: {{{{ column }}}} and {{{{ column | filter }}}}")
    return tuple(part for part in out if part)


def holes(template: str) -> list[Hole]:
    """Return the placeholders of a template."""
    return [part for part in parts_of(template) if isinstance(part, Hole)]


def filled(template: str, seed: Row | None, attributes: Mapping[str, str]) -> str:
    """Return the template with its placeholders filled; RecordError `no_seed_value` where a column is null or blank.

    Attributes are the recipe's own words and stand as they are. What comes from a seed is data: a whole text stands
    between tags, a word in quotes.
    """
    out, below = "", False
    for part in parts_of(template):
        if isinstance(part, str):
            out += part.lstrip(" ").removeprefix("\n") if below else part
        elif part.path in attributes:
            out += attributes[part.path]
        elif _is_block(part):
            out = out.rstrip(" ")
            out += "\n" * bool(out and not out.endswith("\n")) + _data(part, seed or {}) + "\n"
        else:
            out += _data(part, seed or {})
        below = isinstance(part, Hole) and part.path not in attributes and _is_block(part)
    return out.strip()


def _is_block(hole: Hole) -> bool:
    return hole.filter == "block" or (hole.filter is None and hole.path in _BODIES)


def _data(hole: Hole, seed: Row) -> str:
    value = value_of(seed, hole.path)
    if not value or not value.strip():
        raise RecordError("no_seed_value", hole.path)
    if hole.filter == "trusted":
        return plain(value).strip()
    return block(hole.path.replace(".", "-").lower(), value) if _is_block(hole) else quoted(value)


def is_data(template: str, attributes: Mapping[str, Any]) -> bool:
    """Return whether filling the template puts tags into it."""
    return any(_is_block(hole) for hole in holes(template) if hole.path not in attributes)


def described(attributes: Mapping[str, str]) -> str:
    """Return attributes as lines `Topic: billing`."""
    return "\n".join(f"{name.replace('_', ' ').capitalize()}: {value}" for name, value in attributes.items())


def paired(first: str, second: str) -> str:
    """Return a pair in the form in which pairs are shown and asked for."""
    return f"Input: {first.strip()}\nOutput: {second.strip()}"


def shown(examples: Sequence[str]) -> str:
    """Return finished examples as a part of a prompt; empty without any."""
    return "\n".join(["Examples:", *(block("example", example) for example in examples)]) if examples else ""


def closing(output: str, schema: Any, *, examples: bool) -> str:
    """Return what the prompt says of the answer's form."""
    match output:
        case "answer":
            return "Answer with the output only." if examples else ""
        case "pair":
            return "Answer in this form:\n" + paired("...", "...")
        case "chat":
            turns = [("user", "..."), ("assistant", "...")]
            form = transcript([{"role": role, "content": said} for role, said in turns])
            return f"Answer in this form, with as many turns as it takes:\n{form}"
        case "structured":
            return f"Answer with one JSON value of this schema:\n{record.dumps(schema)}"
    return "Answer with the text only."


def joined(*parts: str, guarded: bool) -> str:
    """Return the parts of a prompt that are not empty, a blank line between them; the last stands below the guard."""
    *front, form = parts
    return "\n\n".join(part for part in (*front, GUARD if guarded else "", form) if part)
