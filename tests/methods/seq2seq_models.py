"""Small models in Hugging Face format that tests make on the spot: real files for the real loading code."""

import json
from pathlib import Path

import numpy as np

# Two words of ours for each of theirs: what comes back is another word for the same.
WORDS = {
    "kar": ("car", "auto"), "dom": ("house", "home"), "vel": ("quick", "fast"), "mag": ("big", "large"),
    "pic": ("small", "little"), "vid": ("sees", "watches"), "kap": ("takes", "grabs"), "ful": ("happy", "glad"),
}  # fmt: skip


def sentences(rows, seed=0):
    """Return (ours, theirs): random sentences, some with a code, and the same in the pivot language."""
    rng = np.random.default_rng(seed)
    theirs = [list(rng.choice(list(WORDS), size=int(rng.integers(3, 7)))) for _ in range(rows)]
    ours = [" ".join(WORDS[word][int(rng.integers(2))] for word in words) for words in theirs]
    codes = ["" if number % 3 else f" QX{rng.integers(3)}Z" for number in range(rows)]
    return [a + b for a, b in zip(ours, codes, strict=True)], [
        " ".join(a) + b for a, b in zip(theirs, codes, strict=True)
    ]


def marian(folder: Path, texts, targets, *, steps=0, size=32) -> Path:
    """Return a directory with a MarianMT model, trained for `steps` on the pairs; random weights for 0 steps."""
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder.mkdir(parents=True)
    sides = {"source": texts, "target": targets}
    for side, lines in sides.items():
        # Both sides know every character of both, so that codes and names pass.
        extra = ["QX0Z QX1Z QX2Z 0123456789 .,!?"] * 20
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([*lines, *extra]), model_prefix=str(folder / side), vocab_size=60,
            hard_vocab_limit=False, minloglevel=2, character_coverage=1.0,
        )  # fmt: skip
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
        (folder / f"{side}.vocab").unlink()
    pieces = []
    for side in sides:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{side}.spm"))
        pieces += [processor.id_to_piece(number) for number in range(3, processor.get_piece_size())]
    vocabulary = list(dict.fromkeys(["</s>", "<unk>", *pieces, "<pad>"]))
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(vocabulary)}))
    tokenizer = MarianTokenizer(
        source_spm=str(folder / "source.spm"), target_spm=str(folder / "target.spm"), vocab=str(folder / "vocab.json")
    )
    pad = vocabulary.index("<pad>")
    config = MarianConfig(
        vocab_size=len(vocabulary), d_model=size, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=2 * size, decoder_ffn_dim=2 * size, max_position_embeddings=512,
        pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=None, dropout=0.0,
        max_length=512, tie_word_embeddings=True, init_std=0.1,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = MarianMTModel(config)
    if steps:
        _train(model, tokenizer, list(zip(texts, targets, strict=True)), steps)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _train(model, tokenizer, pairs, steps, batch=32):
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        rows = [pairs[(step * batch + number) % len(pairs)] for number in range(batch)]
        inputs = tokenizer([row[0] for row in rows], return_tensors="pt", padding=True)
        labels = tokenizer(text_target=[row[1] for row in rows], return_tensors="pt", padding=True)["input_ids"]
        loss = model(**inputs, labels=labels.masked_fill(labels == tokenizer.pad_token_id, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _words_tokenizer():
    """Return a tokenizer of ten words and an end."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    words = [*marks.values(), "the", "a", "cat", "dog", "mat", "sat", "ran", "off", "on", "and", "say", ":"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, marks["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks), len(words)


def t5(folder: Path) -> Path:
    """Return a directory with a T5 of random weights."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer, words = _words_tokenizer()
    config = T5Config(
        vocab_size=words, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0, dropout_rate=0.0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def bert(folder: Path) -> Path:
    """Return a directory with a BERT of random weights: a sentence model."""
    import torch
    from transformers import BertConfig, BertModel

    tokenizer, words = _words_tokenizer()
    config = BertConfig(
        vocab_size=words, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
