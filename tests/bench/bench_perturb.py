"""Token corruption against transformers' MLM collator and nlpaug's KeyboardAug on captions, and moved values."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.random import stream
from tasks.methods.perturb._corrupt_bert import chosen_tokens, masked_ids
from tests.bench.measure import Row, rate, row
from tests.builders import SHARED_DATA, make, seeds_of

_PEER_ROWS = 1_000
_TICKETS = Path("deployments/recipes/quickstart/seeds/tickets.jsonl")
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def bench() -> list[Row]:
    """Return texts a second of ours and of each peer, on the same texts."""
    captions = (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    return [*_against_collator(captions), _against_nlpaug(captions), _values()]


def _against_collator(captions: Sequence[str]) -> list[Row]:
    """Return two rows: from the same token ids to masked ids and labels, and from texts, tokenizing on both sides."""
    import torch
    from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    backend = _trained(captions)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **names)
    collator = DataCollatorForLanguageModeling(tokenizer)
    features: list[dict[str, Any]] = [
        {"input_ids": one.ids} for one in backend.encode_batch(list(captions), add_special_tokens=False)
    ]
    mask, pool = backend.token_to_id("[MASK]"), np.arange(len(_SPECIAL), backend.get_vocab_size())
    ids = rate(lambda: _masked(features, mask, pool), len(captions))
    theirs = rate(lambda: collator(features), len(captions))

    def tokenized() -> object:
        return collator(
            [{"input_ids": ids} for ids in tokenizer(list(captions), add_special_tokens=False)["input_ids"]]
        )

    with tempfile.TemporaryDirectory() as folder:
        backend.save(f"{folder}/tokenizer.json")
        params = {"mode": "bert", "tokenizer": f"{folder}/tokenizer.json"}
        seeds = seeds_of([{"text": text} for text in captions])
        texts = rate(lambda: make("token_corruption", params, len(captions), seeds=seeds), len(captions))
    asked = "2x"
    return [
        row("bert masking, token ids to ids and labels, texts/s; peer transformers MLM collator", ids, theirs, asked),
        row(
            "bert masking, text to text, tokenized on both sides, texts/s; peer tokenizer and collator",
            texts,
            rate(tokenized, len(captions)),
            asked="-",
        ),
    ]


def _masked(features: Sequence[dict[str, Any]], mask: int, pool: np.ndarray) -> object:
    """Do what the method does with the ids that a tokenizer gives."""
    counts = np.fromiter((len(one["input_ids"]) for one in features), np.int64, len(features))
    ids = np.fromiter((number for one in features for number in one["input_ids"]), np.int64, int(counts.sum()))
    rng = stream(0, "bench", 0)
    return masked_ids(rng, ids, chosen_tokens(rng, counts, 0.15), mask=mask, pool=pool)


def _trained(captions: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token=_SPECIAL[1]))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    tokenizer.train_from_iterator(captions, trainers.WordPieceTrainer(vocab_size=4_000, special_tokens=_SPECIAL))
    return tokenizer


def _against_nlpaug(captions: Sequence[str]) -> Row:
    from nlpaug.augmenter.char import KeyboardAug

    peer = KeyboardAug()
    few = list(captions[:_PEER_ROWS])
    theirs = rate(lambda: [peer.augment(text) for text in few], len(few))
    seeds = seeds_of([{"text": text} for text in captions])
    # nlpaug changes about a tenth of the letters: a third of those of a third of the words.
    params = {"mode": "keyboard", "rate": 0.1}
    ours = rate(lambda: make("token_corruption", params, len(captions), seeds=seeds), len(captions))
    return row("keyboard errors, texts/s; peer nlpaug KeyboardAug", ours, theirs, asked="10x")


def _values() -> Row:
    tickets = [json.loads(line) for line in _TICKETS.read_text(encoding="utf-8").splitlines()]
    seeds = seeds_of(tickets)
    ours = rate(lambda: make("value_perturbation", {}, 5_000, seeds=seeds), 5_000)
    return Row(what="values moved, tickets with spans/s", ours=round(ours, 1), peer=None, ratio=None, asked="-")


if __name__ == "__main__":
    for line in bench():
        print(line)
