"""What the training of each neural generator begins with: the corpus, the device, and the name of its checkpoint."""

from collections.abc import Callable

import torch
import xxhash

from tasks.core.method import Method
from tasks.core.record import dumps
from tasks.core.training import Trained, Training
from tasks.methods.models._corpus import Corpus, corpus
from tasks.methods.models._networks import threads

Fit = Callable[[Training, Corpus, torch.device, str], Trained]


def fit(training: Training, method: Method, train: Fit) -> Trained:
    """Read the seeds and have `train` make the model, on as many threads as the params say."""
    params = training.params
    training.progress(0.0, "reading the seeds")
    seeds = corpus(
        training.seeds,
        held_out=params.held_out,
        min_count=params.min_count,
        max_vocabulary=params.max_vocabulary,
        max_words=params.max_words,
        lowercase=params.lowercase,
        rng=training.rng,
    )
    cuda = params.device == "cuda" or (params.device == "auto" and torch.cuda.is_available())
    device = torch.device("cuda" if cuda else "cpu")
    with threads(params.threads):
        return train(training, seeds, device, _key(training, method, seeds))


def _key(training: Training, method: Method, seeds: Corpus) -> str:
    """Return all that the weights follow from: a checkpoint of anything else is not gone on from."""
    texts = xxhash.xxh3_128(seeds.train.ids.tobytes() + seeds.train.offsets.tobytes())
    texts.update(seeds.held_out.ids.tobytes() + dumps(seeds.vocabulary.words).encode())
    return dumps([method.id, method.trains_on(training.params), training.seed, texts.hexdigest()])
