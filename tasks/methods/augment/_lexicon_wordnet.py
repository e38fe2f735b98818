"""WordNet's own files, `data.*`, `index.*` and `cntlist.rev`, read without a library.

Formats: wndb(5WN), https://wordnet.princeton.edu/documentation/wndb5wn, and cntlist(5WN).
"""

import re
from pathlib import Path

from tasks.methods.augment._lexicon import Builder, content_words

_FILE_POS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
_SENSE_POS = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
FILES = (*(f"{kind}.{pos}" for pos in _FILE_POS for kind in ("data", "index")), "cntlist.rev")
# An adjective with this mark follows its noun or stands after "be" alone: "the dog is asleep", no "asleep dog".
_PREDICATIVE = re.compile(r"\((?:p|ip)\)$")
_MARK = re.compile(r"\((?:a|p|ip)\)$")
_PLAIN = re.compile(r"[a-z]+(?:[-_ ][a-z]+)*")


def read_wordnet(folder: Path) -> Builder:
    """Return groups and senses of a folder of WordNet files; names and words with digits or dots stay out."""
    builder, counts = Builder(), _counts(folder / "cntlist.rev")
    for name, pos in _FILE_POS.items():
        groups = _read_data(folder / f"data.{name}", builder)
        for line in _entries(folder / f"index.{name}"):
            lemma, _, _, _, *rest = line.split()
            synsets = rest[-int(line.split()[2]) :]
            word = lemma.replace("_", " ")
            if not _PLAIN.fullmatch(word):
                continue
            if " " in word:
                builder.fixed.append(word)
                continue
            for number, offset in enumerate(synsets, start=1):
                builder.sense(pos, word, groups[offset], counts.get((lemma, pos, number), 0))
    return builder


def _entries(path: Path) -> list[str]:
    # The licence at the top is set in by two spaces.
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != " "]


def _counts(path: Path) -> dict[tuple[str, str, int], int]:
    """Return how often a sense was seen, by lemma, part of speech and sense number."""
    counts = {}
    for line in _entries(path):
        key, number, count = line.split()
        lemma, _, rest = key.partition("%")
        counts[lemma, _SENSE_POS[rest[0]], int(number)] = int(count)
    return counts


def _read_data(path: Path, builder: Builder) -> dict[str, int]:
    """Return the group of each synset by its offset."""
    groups = {}
    for line in _entries(path):
        fields, _, gloss = line.partition(" | ")
        offset, _, _, width, *rest = fields.split(" ")
        lemmas = rest[: 2 * int(width, 16) : 2]
        usable = [_MARK.sub("", lemma).replace("_", " ") for lemma in lemmas if not _PREDICATIVE.search(lemma)]
        words = " ".join(_MARK.sub("", lemma).replace("_", " ") for lemma in lemmas)
        members = [word for word in usable if _PLAIN.fullmatch(word) and len(word) > 1]
        groups[offset] = builder.group(members, content_words(f"{words} {gloss}"))
    return groups
