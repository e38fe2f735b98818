"""Everything that is found in the pieces of a batch: by the seed's own spans, terms, patterns and the name finder."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tasks.methods.perturb import _pii_ner as ner
from tasks.methods.perturb._pii_again import said_again
from tasks.methods.perturb._pii_block import grown
from tasks.methods.perturb._pii_merge import GIVEN, MASKED, resolved
from tasks.methods.perturb._pii_patterns import Detector, detectors
from tasks.methods.perturb._pii_pieces import Pieces, Spans
from tasks.methods.perturb._pii_scan import Hit, Texts, scan
from tasks.methods.perturb._pii_source import NONE
from tasks.methods.perturb._pii_types import ALIASES, BY_NER

_WORD = re.compile(r"\w")
# What masking has left: `[PERSON_NAME]`, `[EMAIL_2]`, `[PHONE:9f86d081884c]`, `<PERSON>`, a bar.
_MASKED = re.compile(r"\[[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?::[0-9a-f]{8,64})?\]|<[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*>|█+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for. own: expressions of the user's, by type; span_types: types of the seed's spans that count."""

    types: frozenset[str]
    own: tuple[tuple[str, re.Pattern[str]], ...]
    ner: str
    use_spans: bool
    span_types: frozenset[str]


def find(pieces: Pieces, spans: Spans, wanted: Wanted) -> list[Hit]:
    """Return what is found, without overlaps, sorted by piece and start."""
    texts = Texts(pieces.texts)
    own = [Detector(kind, pattern) for kind, pattern in wanted.own]
    hits = [(*hit[:4], GIVEN) for hit in scan(texts, own)]
    hits += [(*hit[:4], 0) for hit in scan(texts, [Detector(MASKED, _MASKED, words=r"\[[A-Z]|<[A-Z]|█")])]
    hits += [
        (piece, 0, len(pieces.texts[piece]), kind, GIVEN)
        for piece, kind in pieces.hints.items()
        if kind in wanted.types
    ]
    hits += _given(pieces, spans, wanted)
    hits += scan(texts, detectors(wanted.types))
    if wanted.ner != NONE and wanted.types & BY_NER:
        hits += [hit for hit in ner.entities(ner.pipeline(wanted.ner), pieces.texts) if hit[3] in wanted.types]
    kept = resolved(grown(hits, pieces.texts), pieces.texts)
    again = _again(pieces, kept)
    if not again:
        return kept
    masked = [hit for hit in hits if hit[3] == MASKED]
    return resolved(kept + again + masked, pieces.texts)


def _given(pieces: Pieces, spans: Spans, wanted: Wanted) -> list[Hit]:
    """Return the seed's own spans of types that are private."""
    if not wanted.use_spans or not spans.type:
        return []
    piece_of = {row: piece for piece, row in enumerate(pieces.rows) if pieces.columns[piece] == "text"}
    hits = []
    for row, start, end, name in zip(
        spans.row.tolist(), spans.start.tolist(), spans.end.tolist(), spans.type, strict=True
    ):
        kind = ALIASES.get(name, name)
        if (kind in wanted.types or kind in wanted.span_types) and not spans.bad[row] and row in piece_of:
            hits.append((piece_of[row], start, end, kind, GIVEN))
    return hits


def _again(pieces: Pieces, hits: Sequence[Hit]) -> list[Hit]:
    """Return the places where a value that was found stands once more in its record, if any is new."""
    by_row: dict[int, dict[str, str]] = defaultdict(dict)
    for piece, start, end, kind, _ in hits:
        by_row[pieces.rows[piece]].setdefault(pieces.texts[piece][start:end], kind)
    of_row: dict[int, list[int]] = defaultdict(list)
    for piece, row in enumerate(pieces.rows):
        if row in by_row:
            of_row[row].append(piece)
    known = {(hit[0], hit[1], hit[2]) for hit in hits}
    new: list[Hit] = []
    for row, values in by_row.items():
        places = said_again(list(values.items()), ((piece, pieces.texts[piece]) for piece in of_row[row]))
        new += [hit for hit in places if hit[:3] not in known]
    return new


@lru_cache(maxsize=64)
def expression(terms: tuple[str, ...], *, ignore_case: bool) -> re.Pattern[str]:
    """Return an expression for any of the terms as whole words, the longest first; thousands are as fast as one.

    The terms are put into a trie, so that each character of a text rules out all terms but those that go on with it.
    """
    heads = {bool(_WORD.match(term)): {} for term in terms}  # a term that starts with a mark may follow a letter
    for term in terms:
        node = heads[bool(_WORD.match(term))]
        for char in term:
            node = node.setdefault(char, {})
        node[""] = {}
    parts = [(r"(?<!\w)" if is_word else "") + _branch(tree, "") for is_word, tree in sorted(heads.items())]
    return re.compile("|".join(parts), re.IGNORECASE if ignore_case else 0)


def _branch(tree: Mapping[str, Any], last: str) -> str:
    """Return the expression of a trie; a chain without branches is walked, not called."""
    options = []
    for char, rest in tree.items():
        if char:
            literal, node, end = re.escape(char), rest, char
            while len(node) == 1 and "" not in node:
                ((end, node),) = node.items()
                literal += re.escape(end)
            options.append(literal + _branch(node, end))
    if "" in tree:
        options.append(r"(?!\w)" if _WORD.match(last) else "")
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"


def counted(hits: Iterable[Hit]) -> dict[str, int]:
    """Return how often each type was found, by name."""
    counts: dict[str, int] = defaultdict(int)
    for hit in hits:
        counts[hit[3]] += 1
    return dict(sorted(counts.items()))
