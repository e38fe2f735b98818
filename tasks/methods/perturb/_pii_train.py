"""The small name finder: a spaCy entity recogniser, trained in a minute or two on sentences made from templates.

A convolutional network over words with a transition-based recogniser (Lample et al. 2016,
https://arxiv.org/abs/1603.01360), as spaCy builds it. It reads a word as itself where the word is one of about a
thousand, else as its class (ordinary, on a list of names, unknown) with its first letter, ending and shape, so that an
unknown name is found by what stands around it.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import ShardError
from tasks.methods.perturb._pii_corpus import corpus
from tasks.methods.perturb._pii_lexicon import lexicon
from tasks.methods.perturb._pii_values import Pools, all_pools

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

_SEED = 20_260_101
_ROWS = 45_000
# 1,500 words and half the rate gave an F2 of 0.79 on lines left out, 600 gave 0.84, and with this rate 0.87; 400: 0.90.
_BATCH_WORDS = 400
_LEARN_RATE, _WARM_UP = 0.004, 0.05
_EMBED_ROWS = [3000, 500, 3000, 1000]  # of NORM, PREFIX, SUFFIX, SHAPE
_CUT = 20  # words after which a text goes on as another one, so that a batch has few steps
_WIDTH, _DEPTH, _DROP = 64, 4, 0.15
_SOURCES = (
    "_pii_lines",
    "_pii_lines_plain",
    "_pii_lines_more",
    "_pii_words",
    "_pii_values",
    "_pii_invent",
    "_pii_slots",
    "_pii_mix",
    "_pii_corpus",
    "_pii_lexicon",
    "_pii_train",
)
_SAME_EVERYWHERE = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}
LABELS = ("ADDRESS", "LOCATION", "ORGANIZATION", "PERSON_NAME")


def identity() -> dict[str, Any]:
    """Return all that the trained pipeline follows from, as JSON."""
    folder = Path(__file__).parent
    code = {name: hashlib.sha256((folder / f"{name}.py").read_bytes()).hexdigest() for name in _SOURCES}
    return {"code": code, "spacy": version("spacy"), "faker": version("faker"), "seed": _SEED}


def apart(folder: Path, rows: int = _ROWS) -> None:
    """Train as `train` does, in a process of its own: the same weights on all x86-64 machines since Haswell.

    Sums depend on the kernels that OpenBLAS chooses for a processor and on its threads, and spaCy draws from the
    generators that all threads of a process share. With those, and Faker's Italian towns in the order of string hashes,
    three trainings of one code had an F2 of 0.818, 0.835 and 0.843 on held-out layouts.
    """
    code = "import sys, pathlib; from tasks.methods.perturb._pii_train import train; "
    code += "train(pathlib.Path(sys.argv[1]), int(sys.argv[2]))"
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own text
        [sys.executable, "-c", code, str(folder), str(rows)],
        env={**os.environ, **_SAME_EVERYWHERE, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise ShardError(f"training the name finder failed ({done.returncode}): {last}")


def train(folder: Path, rows: int = _ROWS) -> None:
    """Write the pipeline, trained on `rows` sentences, and its words into a folder."""
    import spacy  # noqa: PLC0415 - heavy
    from thinc.api import use_ops  # noqa: PLC0415 - heavy

    latin, other = all_pools()
    words = lexicon([*latin, *other])
    spacy.util.fix_random_seed(_SEED)
    nlp = spacy.blank("en")
    words.partly().dress(nlp)
    # NumPy's products take two thirds of the time of blis's, and can be had the same on all machines (`apart`).
    with use_ops("numpy", use_blis=False):
        recogniser: Any = nlp.add_pipe("ner", config=_network())
        for label in LABELS:
            recogniser.add_label(label)
        examples = list(_examples(nlp, rows, latin, other))
        nlp.initialize(lambda: examples[:200])
        optimizer = _learn(recogniser, examples)
        with nlp.use_params(optimizer.averages):
            nlp.to_disk(folder / "model")
    words.write(folder / "words.json")


def _network() -> dict[str, Any]:
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": _WIDTH,
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": _EMBED_ROWS,
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
    return {"model": parser, "update_with_oracle_cut_size": _CUT}


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


def _learn(recogniser: Any, examples: "list[Example]") -> Any:
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
            # Language.update would copy each text first, which takes a tenth of the training.
            recogniser.update(batch, drop=_DROP)
            recogniser.finish_update(optimizer)
            batch, words = [], 0
    return optimizer
