"""Where synonyms come from: the lexicon of the project, WordNet's files, a lexicon of `wn`, a MyThes thesaurus."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from tasks.core.errors import RecipeError
from tasks.methods.augment._lexicon import Builder, Thesaurus, canonical, compiled, content_words
from tasks.methods.augment._lexicon_wordnet import FILES as WORDNET_FILES
from tasks.methods.augment._lexicon_wordnet import read_wordnet

Source = Literal["lexicon", "wordnet", "wn", "mythes"]
HOMES = {"wordnet": "/usr/share/wordnet", "mythes": "/usr/share/mythes/th_en_US_v2.dat", "wn": "oewn:2024"}
# Glosses and term lists share words by chance: two more must speak for a sense before it beats the most frequent one.
_MARGIN = 2
_OTHERS = "other sources: lexicon (part of the project), wordnet, wn, mythes"
_POS = {"(noun)": "n", "(verb)": "v", "(adj)": "a", "(adv)": "r"}


def thesaurus(source: Source, path: str | None) -> Thesaurus:
    """Return a source, compiled; RecipeError where what it is read from is not there."""
    return opened(source, path or HOMES.get(source, ""))


@lru_cache(maxsize=4)
def opened(source: Source, place: str) -> Thesaurus:
    return {"lexicon": _lexicon, "wordnet": _wordnet, "wn": _wn, "mythes": _mythes}[source](place)


def _lexicon(_place: str) -> Thesaurus:
    builder = Builder()
    text = (files("tasks.methods.augment") / "lexicon.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        kind, *rest = line.split("\t")
        if kind == "only":
            builder.only.update(dict.fromkeys(rest[1].split(", "), rest[0]))
        elif kind == "fixed":
            builder.fixed += rest[0].split(", ")
        else:
            cues = rest[2].split(", ") if len(rest) > 2 else []
            group = builder.group(rest[1].split(", "), [canonical(cue) for cue in cues])
            builder.sense(kind, rest[0], group)
    # Its cues are chosen for the sense: one is enough.
    return builder.finish(margin=1, reciprocal=False)


def _wordnet(place: str) -> Thesaurus:
    folder = Path(place).expanduser()
    missing = [name for name in WORDNET_FILES if not (folder / name).is_file()]
    if missing:
        raise RecipeError(
            f"source 'wordnet': no {missing[0]} in '{place}'; apt-get install wordnet-base, or give the folder of "
            f"WordNet's dict files as source_path; {_OTHERS}"
        )
    parts = [[name, _hashed(folder / name)] for name in WORDNET_FILES]
    return compiled("wordnet", parts, lambda: read_wordnet(folder).finish(margin=_MARGIN, reciprocal=True))


def _hashed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _mythes(place: str) -> Thesaurus:
    path = Path(place).expanduser()
    if not path.is_file():
        raise RecipeError(
            f"source 'mythes': no thesaurus at '{place}'; apt-get install mythes-en-us, or give the .dat file as "
            f"source_path; {_OTHERS}"
        )
    return compiled("mythes", _hashed(path), lambda: _read_mythes(path).finish(margin=_MARGIN, reciprocal=True))


def _read_mythes(path: Path) -> Builder:
    """Return the senses of a MyThes file: `word|n`, then n lines `(pos)|term|term (generic term)|...`."""
    builder = Builder()
    with path.open(encoding=_encoding(path), newline="\n") as file:
        next(file)
        for line in file:
            word, _, count = line.rstrip("\n").rpartition("|")
            if not count.isdigit():
                raise RecipeError(f"'{path}' is not a MyThes thesaurus: '{line.strip()[:40]}' is no entry")
            for _ in range(int(count)):
                pos, *terms = next(file, "").rstrip("\n").split("|")
                _add_terms(builder, word, _POS.get(pos), terms)
    return builder


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        name = file.readline(64).decode("ascii", "replace").strip()
    try:
        "".encode(name)
    except LookupError as exc:
        raise RecipeError(f"'{path}' is not a MyThes thesaurus: it opens with '{name}', not an encoding") from exc
    return name


def _add_terms(builder: Builder, word: str, pos: str | None, terms: list[str]) -> None:
    if pos is None or word != word.lower() or not word[:1].isalpha():
        return
    if " " in word:
        builder.fixed.append(word)
        return
    # A term with a remark is broader, similar or opposite: it tells the sense, it does not stand for the word.
    plain = [term for term in terms if not term.endswith(")") and term == term.lower()]
    cues = [cue for term in terms if "(antonym)" not in term for cue in content_words(term.partition(" (")[0])]
    builder.sense(pos, word, builder.group([term for term in plain if term[:1].isalpha()], cues))


def _wn(place: str) -> Thesaurus:
    try:
        import wn  # noqa: PLC0415 - opens its database
    except ImportError as exc:
        raise RecipeError(
            f"source 'wn' needs the package wn, which is not installed; pip install 'tilth[text]'; {_OTHERS}"
        ) from exc
    try:
        found = wn.lexicons(lexicon=place)
    except wn.Error:
        found = []
    if not found:
        have = ", ".join(lexicon.specifier() for lexicon in wn.lexicons()) or "none"
        raise RecipeError(
            f"source 'wn': lexicon '{place}' is not installed; have: {have}; python -m wn download {place}; {_OTHERS}"
        )
    if not found[0].language.startswith("en"):
        raise RecipeError(
            f"source 'wn': lexicon '{place}' is of language '{found[0].language}'; only English is inflected"
        )
    parts = [[lexicon.specifier(), wn.__version__] for lexicon in found]
    return compiled("wn", parts, lambda: _read_wn(wn.Wordnet(place)).finish(margin=_MARGIN, reciprocal=True))


def _read_wn(wordnet: Any) -> Builder:
    builder, groups = Builder(), {}
    for synset in wordnet.synsets():
        lemmas = [lemma for lemma in synset.lemmas() if lemma == lemma.lower() and lemma[:1].isalpha()]
        words = " ".join([*lemmas, synset.definition() or "", *synset.examples()])
        groups[synset.id] = builder.group(lemmas, content_words(words))
    for pos, lemma, synsets in _wn_words(wordnet):
        if " " in lemma:
            builder.fixed.append(lemma)
            continue
        for synset in synsets:
            builder.sense(pos, lemma, groups[synset])
    return builder


def _wn_words(wordnet: Any) -> Iterator[tuple[str, str, list[str]]]:
    for word in wordnet.words():
        lemma, pos = word.lemma(), {"s": "a"}.get(word.pos, word.pos)
        if pos in {"n", "v", "a", "r"} and lemma == lemma.lower() and lemma[:1].isalpha():
            yield pos, lemma, [sense.synset().id for sense in word.senses()]
