"""The small name finder: a spaCy entity recogniser, trained in a minute or two on sentences made from templates.

A convolutional network over words with a transition-based recogniser (Lample et al. 2016,
https://arxiv.org/abs/1603.01360), as spaCy builds it. It reads a word as itself where the word is one of about a
thousand, else as its class (ordinary, on a list of names, unknown) with its first letter, ending and shape, so that an
unknown name is found by what stands around it.
"""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.methods.perturb._pii_corpus import corpus
from tasks.methods.perturb._pii_lexicon import lexicon
from tasks.methods.perturb._pii_values import Pools, all_pools

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

_SEED = 20_260_101
_ROWS = 50_000
_BATCH_WORDS = 1500
_LEARN_RATE, _WARM_UP = 0.002, 0.05
_WIDTH, _DEPTH = 64, 4
_SOURCES = (
    "_pii_lines",
    "_pii_lines_plain",
    "_pii_words",
    "_pii_values",
    "_pii_slots",
    "_pii_corpus",
    "_pii_lexicon",
    "_pii_train",
)
LABELS = ("ADDRESS", "LOCATION", "ORGANIZATION", "PERSON_NAME")


def identity() -> dict[str, Any]:
    """Return all that the trained pipeline follows from, as JSON."""
    folder = Path(__file__).parent
    code = {name: hashlib.sha256((folder / f"{name}.py").read_bytes()).hexdigest() for name in _SOURCES}
    return {"code": code, "spacy": version("spacy"), "faker": version("faker"), "seed": _SEED}


def train(folder: Path, rows: int = _ROWS) -> None:
    """Write the pipeline, trained on `rows` sentences, and its words into a folder."""
    import spacy  # noqa: PLC0415 - heavy
    from spacy.attrs import NORM  # noqa: PLC0415 - heavy

    latin, other = all_pools()
    words = lexicon([*latin, *other])
    spacy.util.fix_random_seed(_SEED)
    nlp = spacy.blank("en")
    nlp.vocab.lex_attr_getters[NORM] = words.partly().norm
    recogniser: Any = nlp.add_pipe("ner", config=_network())
    for label in LABELS:
        recogniser.add_label(label)
    examples = list(_examples(nlp, rows, latin, other))
    nlp.initialize(lambda: examples[:200])
    optimizer = _learn(nlp, examples)
    with nlp.use_params(optimizer.averages):
        nlp.to_disk(folder / "model")
    words.write(folder / "words.json")


def _network() -> dict[str, Any]:
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": _WIDTH,
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": [4000, 500, 3000, 1000],
        "include_static_vectors": False,
    }
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": _WIDTH,
        "depth": _DEPTH,
        "window_size": 1,
        "maxout_pieces": 3,
    }
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": _WIDTH,
        "maxout_pieces": 2,
        "use_upper": True,
        "nO": None,
        "tok2vec": {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode},
    }
    return {"model": parser}


def _examples(nlp: "Language", rows: int, latin: list[Pools], other: list[Pools]) -> Iterator["Example"]:
    from spacy.training import Example  # noqa: PLC0415 - heavy
    from spacy.util import filter_spans  # noqa: PLC0415 - heavy

    for text, marks in corpus(rows, _SEED, latin, other):
        doc = nlp.make_doc(text)
        spans = [doc.char_span(start, end, label=kind, alignment_mode="expand") for start, end, kind in marks]
        # spaCy refuses an entity that begins or ends in a space, as one before a line break may.
        kept = [span for span in spans if span and not span[0].is_space and not span[-1].is_space]
        right = doc.copy()
        right.set_ents(filter_spans(kept))
        yield Example(doc, right)


def _learn(nlp: "Language", examples: "list[Example]") -> Any:
    """Read the examples once, in batches of about as many words; the rate rises, then falls to almost nothing."""
    from thinc.api import Adam  # noqa: PLC0415 - heavy

    optimizer = Adam(learn_rate=_LEARN_RATE, L2=0.01, L2_is_weight_decay=True, grad_clip=1.0, use_averages=True)
    total = sum(len(example.x) for example in examples)
    batch: list[Example] = []
    done = words = 0
    for example in examples:
        batch.append(example)
        words += len(example.x)
        if words >= _BATCH_WORDS:
            done += words
            optimizer.learn_rate = _LEARN_RATE * min(1.0, done / (total * _WARM_UP)) * max(0.02, 1 - done / total)
            nlp.update(batch, sgd=optimizer, drop=0.1)
            batch, words = [], 0
    return optimizer
