"""There and back: masked texts through a translator, and the verdict on what came back."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from tasks.core.errors import RecipeError
from tasks.methods.augment._apertium import check_mode, direction
from tasks.methods.augment._apertium_stream import RESERVED, UNTRANSLATED
from tasks.methods.augment._seq2seq import Decode, Decoding, load
from tasks.methods.augment._seq2seq_llm import LLM
from tasks.methods.augment._seq2seq_masks import Masked, Span, mask, restore, spans_fit
from tasks.methods.augment._seq2seq_pieces import each_once, joined, pieces, taken
from tasks.methods.augment._seq2seq_place import check_model, check_packages

# Web and mail addresses, codes such as HW-4410982 or E17.
# Each begins where a word does and looks ahead so far only: a megabyte without a space is read once.
_CODES = (
    r"(?:https?://|www\.)[^\s<>\"]*[\w/]|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]+)+"
    r"|(?<![\w-])(?=[\w-]{0,64}\d)(?=[\w-]{0,64}[^\W\d_])\w[\w-]*\w\b|"
)
# What Apertium takes for marks of its own travels masked, too; for a language model the * and # of Markdown are none.
PROTECTED = re.compile(_CODES + RESERVED)
WRITTEN = re.compile(_CODES + f"{UNTRANSLATED}+")
# Longer pieces are cut. Marian's models read 512 tokens, at worst one a character.
_MAX_CHARS = {"apertium": 2000, "marian": 400}
_WORDS = re.compile(r"\w+")
_SPACES = re.compile(r" {2,}")
_LEFT_OVER = re.compile(rf"{UNTRANSLATED}(\w+)")
HUB_NAME = "Helsinki-NLP/opus-mt-{source}-{target}"


class TripParams(Protocol):
    """What a journey reads of the params."""

    engine: str
    language: str
    pivots: tuple[str, ...]
    min_chrf: float
    max_chrf: float
    unchanged: str
    sentences: float
    alternatives: float
    models: Mapping[str, str]
    decode: Decode
    beams: int
    temperature: float
    top_p: float
    device: str


# Translates texts from a language into another, UNTRANSLATED before a word that it could not; it draws from the stream.
Translate = Callable[[Sequence[str], str, str, np.random.Generator], list[str]]


@dataclass(slots=True)
class Trip:
    """One text's journey: what came back, or the reason why it is not kept."""

    pivot: str
    text: str | None
    spans: list[dict[str, Any]] | None = None
    reason: str | None = None
    chrf: float | None = None
    changed: float = 0.0
    pivot_text: str | None = None
    masked: Masked | None = field(default=None, repr=False)


def check_engine(params: TripParams) -> None:
    """Raise RecipeError where something that the journey needs is not installed."""
    if find_spec("sacrebleu") is None:
        raise RecipeError("back_translation needs sacrebleu for chrF, not installed: pip install sacrebleu")
    if params.engine == LLM:
        return
    ways = [way for pivot in params.pivots for way in ((params.language, pivot), (pivot, params.language))]
    if params.engine == "marian":
        check_packages("back_translation with engine 'marian'", ("sentencepiece",), "set engine: apertium")
    for source, target in ways:
        if params.engine == "apertium":
            check_mode(f"{source}-{target}")
        else:
            check_model(_model(params, source, target))


def _model(params: TripParams, source: str, target: str) -> str:
    return params.models.get(f"{source}-{target}") or HUB_NAME.format(source=source, target=target)


def translator(params: TripParams) -> Translate:
    """Return the engine's translate function; the door for further engines."""
    return {"apertium": _by_apertium, "marian": _by_marian}[params.engine](params)


def _by_apertium(params: TripParams) -> Translate:
    def translate(texts: Sequence[str], source: str, target: str, rng: np.random.Generator) -> list[str]:
        way = direction(f"{source}-{target}")

        def together(batch: Sequence[str]) -> list[str]:
            return [_tidy(text) for text in way.translate(batch, rng, params.alternatives)]

        return together(texts) if params.alternatives else each_once(texts, together)

    return translate


def _tidy(text: str) -> str:
    """Return a piece without the spaces that stand where Apertium wrote no word for one."""
    return _SPACES.sub(" ", text.strip())


def _by_marian(params: TripParams) -> Translate:
    how = Decoding(params.decode, 1, params.beams, params.temperature, params.top_p)

    def translate(texts: Sequence[str], source: str, target: str, rng: np.random.Generator) -> list[str]:
        model = load(_model(params, source, target), params.device)

        def together(batch: Sequence[str]) -> list[str]:
            return [found[0].strip() for found in model.candidates(model.encoded(batch), how, rng)]

        return together(texts) if params.decode == "sample" else each_once(texts, together)

    return translate


def travel(
    texts: Sequence[str | None],
    spans: Sequence[Sequence[Span] | None],
    pivots: Sequence[str],
    params: TripParams,
    rng: np.random.Generator,
) -> list[Trip]:
    """Return the journey of each text through its pivot; a text that cannot travel has a reason."""
    trips = [packed(*row) for row in zip(texts, spans, pivots, strict=True)]
    translate = translator(params)
    for pivot in params.pivots:
        rows = [row for row, trip in enumerate(trips) if trip.masked is not None and trip.pivot == pivot]
        cuts = [pieces(trips[row].masked.text, _MAX_CHARS[params.engine]) for row in rows]
        chosen = taken(cuts, params.sentences, rng)
        here = [parts[place] for parts, places in zip(cuts, chosen, strict=True) for place in places]
        there = [text.replace(UNTRANSLATED, "") for text in translate(here, params.language, pivot, rng)]
        back = translate(there, pivot, params.language, rng)
        for row, halfway, came in zip(rows, joined(cuts, chosen, there), joined(cuts, chosen, back), strict=True):
            arrive(trips[row], texts[row], spans[row], halfway, came)
            judge(trips[row], texts[row], params)
    return trips


def packed(text: str | None, spans: Sequence[Span] | None, pivot: str, protected: re.Pattern[str] = PROTECTED) -> Trip:
    """Return the trip of a text that sets out: its spans and codes masked, or the reason why it cannot."""
    if not text:
        return Trip(pivot, text, reason="no_text")
    if not spans_fit(text, spans):
        return Trip(pivot, text, reason="bad_spans")
    masked = mask(text, spans, protected)
    return Trip(pivot, text, masked=masked, reason=None if masked else "lost_span")


def arrive(trip: Trip, text: str, spans: Sequence[Span] | None, halfway: str, came: str) -> None:
    """Give a trip what came back: the words of the codes put back, the spans on them, and its figures."""
    left_over = _LEFT_OVER.findall(came)
    restored, pivot_text = restore(came.replace(UNTRANSLATED, ""), trip.masked), restore(halfway, trip.masked)
    trip.pivot_text = pivot_text.text if pivot_text else halfway
    trip.text, trip.reason = (restored.text, None) if restored else (came.replace(UNTRANSLATED, ""), "lost_span")
    trip.spans = restored.spans if restored and spans is not None else None
    if restored and _strange(left_over, text, trip.masked):
        trip.reason = "untranslated"
    trip.chrf, trip.changed = chrf(trip.text, text), changed_words(trip.text, text)


def _strange(left_over: Sequence[str], text: str, masked: Masked) -> bool:
    """Return whether a word came back untranslated that is neither the text's own nor a code."""
    if not left_over:
        return False
    own = set(_WORDS.findall(text.casefold()))
    # A span within a word leaves its code within a word.
    code = re.compile(rf"{masked.opener}\d+Z", re.IGNORECASE)
    return any(part and part.casefold() not in own for word in left_over for part in code.split(word))


def judge(trip: Trip, text: str, params: TripParams) -> None:
    """Give a trip that has none the reason why what came back is not kept, if there is one."""
    if trip.reason:
        return
    if trip.text == text:
        trip.reason = "unchanged" if params.unchanged == "reject" else None
    elif trip.chrf > params.max_chrf:
        trip.reason = "too_close"
    elif trip.chrf < params.min_chrf:
        trip.reason = "too_far"


def chrf(text: str, reference: str) -> float:
    """Return sacrebleu's chrF of a text to a reference, 0-100."""
    from sacrebleu.metrics import CHRF  # noqa: PLC0415 - loads in half a second

    return CHRF().sentence_score(text, [reference]).score


def changed_words(text: str, source: str) -> float:
    """Return the share of words, of both texts and wherever they stand, that the other one does not have (0-1)."""
    ours, theirs = Counter(text.split()), Counter(source.split())
    both = ours.total() + theirs.total()
    return 1 - 2 * (ours & theirs).total() / both if both else 0.0
