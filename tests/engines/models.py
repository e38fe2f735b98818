"""Small causal models in Hugging Face format that tests make on the spot: real files for the real loading code."""

from pathlib import Path

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
LINES = [
    "write a short line about the blue lamp on the desk",
    "the desk lamp is small, bright and easy to move.",
    "My router loses the connection since Monday! Please help me soon.",
    "Überraschend: naïve café — 東京タワー, 100 € and 50 %.",
] * 20


def tokenizer(folder: Path, *, chat: bool = True, size: int = 420):
    """Write a byte-level BPE tokenizer with a chat template into a folder, and return it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        LINES,
        trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    named = dict(zip(("pad_token", "bos_token", "eos_token"), special, strict=False))
    made = PreTrainedTokenizerFast(tokenizer_object=inner, padding_side="left", **named)
    if chat:
        made.chat_template = CHAT_TEMPLATE
    made.save_pretrained(folder)
    return made


def llama(folder: Path, *, chat: bool = True, seed: int = 0, **changes) -> Path:
    """Return a folder with a Llama of random weights, wide enough apart that its choices are clear."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "initializer_range": 0.2,
    }
    return causal(folder, LlamaConfig, LlamaForCausalLM, chat=chat, seed=seed, **(shape | changes))


def causal(folder: Path, config_class, model_class, *, chat: bool = True, seed: int = 0, **shape) -> Path:
    """Return a folder with a model of random weights and a tokenizer for it."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    words = tokenizer(folder, chat=chat)
    ends = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class(config_class(vocab_size=len(words), **ends, **shape))
    model.save_pretrained(folder)
    return folder
