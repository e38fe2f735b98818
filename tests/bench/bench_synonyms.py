"""`synonym_replacement` and `eda`: speed against nlpaug, agreement of what is put in, safety of labels.

nlpaug's SynonymAug reads WordNet through nltk and tags with nltk's perceptron. Its data cannot be fetched without a
network, so the same perceptron is trained here, on captions tagged by the judge below: fewer weights than its own, so
no slower. The second row of speed gives nlpaug its tags for free (every word a noun).

Agreement is judged without the code that replaces: WordNet's own morphology (its index and exception files, suffix
rules) lists what old and new word can be; the words before and after, by a few rules of their own, and WordNet's
frequencies choose one reading of the old word; the new one must have that very reading. What the judge cannot see: a
wrong sense, a wrong complement, and a reading that both the neighbours and the frequencies get wrong. A word that
WordNet lacks is counted as wrong unless both share a regular ending.
"""

import json
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.bench.measure import Row, rate, row
from tests.builders import SHARED_DATA, make, seeds_of

_SEEDS = Path(__file__).resolve().parents[2] / "deployments/recipes/quickstart/seeds"
_WORDNET = Path("/usr/share/wordnet")
_PEER_ROWS = 500
_SENTENCES = 200
_DRAWS = 5
_FOLDS = 5
# A reading counts where it makes up so much of the most frequent one that the words before allow.
_USUAL = 0.05
_FILES = """
    adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition
    noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person
    noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state
    noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition verb.consumption
    verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative
    verb.weather adj.ppl
"""
_LEXNAMES = _FILES.split()


def bench() -> Iterable[Row]:
    """Yield texts a second of ours and of the peer, then shares in percent against what is asked."""
    captions = (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    yield from _speed(captions)
    for source in ("lexicon", "wordnet"):
        share, replaced = agreement(sentences(captions), source)
        what = f"synonyms of {source}: same part of speech and inflection, % of {replaced} replaced words"
        yield Row(what=what, ours=share, peer=None, ratio=None, asked=">= 98")
    for method, params in (("synonym_replacement", {}), ("synonym_replacement", {"source": "wordnet"}), ("eda", {})):
        named = f"{method} {params.get('source', 'lexicon')}"
        known, unseen = label_safety(method, params, folds=1), label_safety(method, params, folds=_FOLDS)
        yield Row(what=f"{named}: label kept, % by naive Bayes", ours=known, peer=None, ratio=None, asked=">= 95")
        yield Row(what=f"{named}: the same, seed unseen in training", ours=unseen, peer=None, ratio=None, asked="-")


def _speed(captions: list[str]) -> Iterable[Row]:
    seeds = seeds_of([{"text": text} for text in captions])
    params, draws = {"source": "wordnet"}, _DRAWS * len(captions)
    some = captions[:_PEER_ROWS]
    with tempfile.TemporaryDirectory() as folder:
        for named, tagger in (("nlpaug", _tagger(captions[-1000:])), ("nlpaug, tags for free", _nouns)):
            peer = _nlpaug(Path(folder), tagger)
            random.seed(0)
            theirs = rate(lambda: [peer.augment(text) for text in some for _ in range(_DRAWS)], _DRAWS * len(some))  # noqa: B023 - called at once
            ours = rate(lambda: make("synonym_replacement", params, draws, seeds=seeds), draws)
            yield row(f"synonyms from WordNet, {_DRAWS} draws a text, texts/s; peer {named}", ours, theirs, asked="10x")


def _nouns(tokens: list[str]) -> list[tuple[str, str]]:
    return [(token, "NN") for token in tokens]


def _tagger(captions: list[str]):
    """Return nltk's tagger, trained on what the judge finds likeliest."""
    from nltk.tag.perceptron import PerceptronTagger

    judge, tagger = Judge(), PerceptronTagger(load=False)
    random.seed(0)
    tagger.train([[(word, judge.penn(word)) for word in text.split()] for text in captions], nr_iter=3)
    return tagger.tag


def _nlpaug(folder: Path, tagger):
    import nltk

    home = folder / "corpora" / "wordnet"
    if not home.is_dir():
        shutil.copytree(_WORDNET, home)
        names = "".join(f"{at:02d}\t{name}\t0\n" for at, name in enumerate(_LEXNAMES))
        (home / "lexnames").write_text(names, "ascii")
        # The reader wants the file, for versions of WordNet other than the one it finds here.
        (home / "index.sense").touch()
        nltk.data.path.insert(0, str(folder))
    nltk.pos_tag = tagger
    from nlpaug.augmenter.word import SynonymAug

    peer = SynonymAug(aug_src="wordnet")
    peer.augment("the large car stops")
    return peer


def sentences(captions: list[str]) -> list[str]:
    """Return half sentences of the quickstart's seeds, half captions."""
    desk = [text for row in _labelled() for text in re.split(r"(?<=[.!?]) ", row["text"])]
    half = _SENTENCES // 2
    step = len(desk) // half
    return desk[: half * step : step] + captions[: half * 40 : 40]


def agreement(some: list[str], source: str) -> tuple[float, int]:
    """Return the share (in percent) of replaced words that keep their reading, and how many were replaced."""
    judge, good, every = Judge(), 0, 0
    seeds = seeds_of([{"text": text} for text in some])
    for draw in range(_DRAWS):
        made = make("synonym_replacement", {"source": source, "rate": 0.3}, len(some), seeds=seeds, run_seed=draw)
        for old, new in zip(some, made.records.column("text").to_pylist(), strict=True):
            verdicts = judge.verdicts(old.split(), new.split())
            good, every = good + sum(verdicts), every + len(verdicts)
    return round(100 * good / max(every, 1), 2), every


class Judge:
    """Readings by WordNet's files, suffixes and frequencies."""

    def __init__(self) -> None:
        self._lemmas: dict[str, set[str]] = {}
        self._irregular: dict[str, dict[str, set[str]]] = {}
        for name, pos in (("noun", "N"), ("verb", "V"), ("adj", "J"), ("adv", "R")):
            lines = (_WORDNET / f"index.{name}").read_text("utf-8").splitlines()
            self._lemmas[pos] = {line.partition(" ")[0] for line in lines if line[:1] != " "}
            self._irregular[pos] = {}
            for line in (_WORDNET / f"{name}.exc").read_text("utf-8").splitlines():
                form, *lemmas = line.split()
                self._irregular[pos].setdefault(form, set()).update(lemmas)
        self._counts: Counter[tuple[str, str]] = Counter()
        for line in (_WORDNET / "cntlist.rev").read_text("utf-8").splitlines():
            key, _, count = line.split()
            lemma, _, rest = key.partition("%")
            self._counts[lemma, "NVJRJ"[int(rest[0]) - 1]] += int(count)

    def verdicts(self, old: list[str], new: list[str]) -> list[bool]:
        """Return for each replaced word whether old and new share the reading that the place asks for."""
        if len(old) != len(new):
            raise ValueError(f"words were put in or left out: {old} -> {new}")
        plain = [re.sub(r"^\W+|\W+$", "", word).lower() for word in old]
        changed = [at for at in range(len(old)) if old[at] != new[at] and plain[at] not in {"a", "an"}]
        around = [(plain[at - 1] if at and old[at - 1][-1] not in ".,;:!?" else "", plain[at]) for at in changed]
        fresh = [re.sub(r"^\W+|\W+$", "", new[at]).lower() for at in changed]
        return [self._agrees(before, word, other) for (before, word), other in zip(around, fresh, strict=True)]

    def penn(self, word: str) -> str:
        """Return the Penn tag of the most frequent reading of a word."""
        plain = re.sub(r"^\W+|\W+$", "", word).lower()
        found = self._readings(plain)
        return _PENN[max(sorted(found), key=lambda reading: found[reading])] if plain not in _KIND else "DT"

    def _agrees(self, before: str, word: str, other: str) -> bool:
        mine, theirs = self._readings(word), self._readings(other)
        fitting = {reading: weight for reading, weight in mine.items() if _fits(before, reading)} or mine
        usual = {reading for reading, weight in fitting.items() if weight >= _USUAL * max(fitting.values())}
        # Past and participle of regular verbs read the same.
        usual |= {"VD", "VN"} if usual & {"VD", "VN"} else set()
        return bool(usual & theirs.keys())

    def _readings(self, word: str) -> dict[str, int]:
        """Return what a form can be, with how often its lemma was seen so."""
        found: dict[str, int] = {}
        for pos, lemmas in self._lemmas.items():
            if word in lemmas:
                found[f"{pos}0"] = 1 + self._counts[word, pos]
            for lemma in self._irregular[pos].get(word, ()):
                found |= dict.fromkeys(_irregular_readings(pos, word), 1 + self._counts[lemma, pos])
        for pos, ending, put, reading in _SUFFIXES:
            stem = word.removesuffix(ending)
            stems = [stem + put, stem[:-1]] if len(stem) > 2 and stem[-1:] == stem[-2:-1] else [stem + put]
            for lemma in stems:
                if word.endswith(ending) and lemma in self._lemmas[pos]:
                    found[reading] = max(found.get(reading, 0), 1 + self._counts[lemma, pos])
        return found or dict.fromkeys(_unknown_readings(word), 1)


_PENN = {"N0": "NN", "NS": "NNS", "V0": "VB", "VZ": "VBZ", "VD": "VBD", "VN": "VBN", "VG": "VBG", "J0": "JJ"}
_PENN |= {"JR": "JJR", "JS": "JJS", "R0": "RB"}
_SUFFIXES = [
    *((("N"), ending, put, "NS") for ending, put in (("s", ""), ("es", ""), ("ies", "y"), ("men", "man"))),
    *((("V"), ending, put, "VZ") for ending, put in (("s", ""), ("es", ""), ("ies", "y"))),
    *((("V"), ending, put, "VD") for ending, put in (("ed", ""), ("ed", "e"), ("ied", "y"))),
    *((("V"), ending, put, "VG") for ending, put in (("ing", ""), ("ing", "e"), ("ying", "ie"))),
    *((("J"), ending, put, "JR") for ending, put in (("er", ""), ("er", "e"), ("ier", "y"))),
    *((("J"), ending, put, "JS") for ending, put in (("est", ""), ("est", "e"), ("iest", "y"))),
]
_BEFORE: dict[str, str] = {
    "noun": "a an the my your his her its our their this these those every each no some any",
    "verb": "to can could will would should must may might don't doesn't didn't please",
    "subject": "i we they he she you it who",
    "be": "is are was were be been being am isn't aren't wasn't weren't",
}
_KIND = {word: kind for kind, words in _BEFORE.items() for word in words.split()}


def _unknown_readings(word: str) -> tuple[str, ...]:
    for ending, readings in (("s", ("NS", "VZ")), ("ing", ("VG",)), ("ed", ("VD", "VN")), ("ly", ("R0",))):
        if word.endswith(ending):
            return readings
    return "N0", "V0", "J0"


def _irregular_readings(pos: str, word: str) -> tuple[str, ...]:
    if pos == "V":
        return ("VG",) if word.endswith("ing") else ("VD", "VN")
    return {"N": ("NS",), "J": ("JS",) if word.endswith("st") else ("JR",), "R": ("R0",)}[pos]


def _fits(before: str, reading: str) -> bool:
    match _KIND.get(before):
        case "noun":
            return reading[0] in "NJ" or reading in {"VD", "VN", "VG"}
        case "verb":
            return reading == "V0"
        case "subject":
            return reading in {"V0", "VZ", "VD", "R0"}
        case "be":
            return reading not in {"V0", "VZ", "N0"}
    return True


def _labelled() -> list[dict]:
    lines = [line for name in ("tickets", "reviews") for line in (_SEEDS / f"{name}.jsonl").open(encoding="utf-8")]
    return [json.loads(line) for line in lines]


def label_safety(method: str, params: dict, folds: int) -> float:
    """Return the share (in percent) of new texts that naive Bayes gives the label of their seed.

    It is trained on all seeds where `folds` is 1, else on those of the other folds; seeds that it labels wrong are left
    out.
    """
    rows = [row for row in _labelled() if row.get("label")]
    good = every = 0
    for fold in range(folds):
        rest = [row for at, row in enumerate(rows) if folds == 1 or at % folds != fold]
        model = NaiveBayes([row["text"] for row in rest], [row["label"] for row in rest])
        sure = [row for row in rows[fold::folds] if model.label(row["text"]) == row["label"]]
        made = make(method, params, _DRAWS * len(sure), seeds=seeds_of(sure), run_seed=fold).records
        reasons = made.column("reason").to_pylist() if "reason" in made.schema.names else [None] * made.num_rows
        for at, (text, reason) in enumerate(zip(made.column("text").to_pylist(), reasons, strict=True)):
            if reason is None:
                good, every = good + (model.label(text) == sure[at % len(sure)]["label"]), every + 1
    return round(100 * good / every, 2)


class NaiveBayes:
    """A multinomial bag of words with add-one smoothing."""

    def __init__(self, some: list[str], labels: list[str]) -> None:
        self._labels = sorted(set(labels))
        bags = [self._words(text) for text in some]
        self._place = {word: at for at, word in enumerate(sorted({word for bag in bags for word in bag}))}
        counts = np.ones((len(self._labels), len(self._place)))
        for bag, label in zip(bags, labels, strict=True):
            np.add.at(counts[self._labels.index(label)], [self._place[word] for word in bag], 1)
        self._weights = np.log(counts / counts.sum(axis=1, keepdims=True))
        self._prior = np.log([labels.count(label) / len(labels) for label in self._labels])

    @staticmethod
    def _words(text: str) -> list[str]:
        return re.findall(r"[a-z']+", text.lower())

    def label(self, text: str) -> str:
        """Return the likeliest label."""
        known = [self._place[word] for word in self._words(text) if word in self._place]
        return self._labels[int(np.argmax(self._prior + self._weights[:, known].sum(axis=1)))]


if __name__ == "__main__":
    for line in bench():
        print(line)
