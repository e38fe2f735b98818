"""Small seeds for the neural generators, and one training of them that several tests read."""

from functools import cache

from tasks.core.method import get_method
from tests.builders import fit, seeds_of

SUBJECTS = ("the red bus", "a small dog", "my old kettle", "one tall man")
VERBS = ("stands", "waits", "sleeps", "turns")
PLACES = ("near the door", "on the table", "in the rain", "by the sea", "under the tree")
TEXTS = [f"{who} {does} {where}." for who in SUBJECTS for does in VERBS for where in PLACES]

# What there is to be wrong with seeds, each of which a model is to be made of.
ODD = {
    "three seeds": ["a red bus.", "a small dog.", "an old kettle."],
    "one seed": ["a red bus stands near the door."],
    "some empty texts": ["", "   ", None, "a red bus.", "a small dog waits."],
    "one giant text": ["word " * 3000 + "end."],
    "one word": ["yes", "yes yes", "yes"],
    "one letter each": list("abcdefgh"),
    "no word twice": ["alpha beta", "gamma delta"],
}


def of(texts):
    return seeds_of([{"text": text} for text in texts])


@cache
def _home(name):
    import atexit
    import shutil
    import tempfile
    from pathlib import Path

    home = Path(tempfile.mkdtemp(prefix=f"tilth-{name}-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


@cache
def learnt(name, **params):
    """Return the method, what it said of its training on TEXTS, and the folder of the model."""
    method = get_method(name)
    loaded = method.params.model_validate(params)
    home = _home(f"{name}-{sorted(params.items())}".replace("/", "_"))
    return method, fit(method, loaded, of(TEXTS), home), home / "model"
