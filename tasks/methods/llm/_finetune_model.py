"""The model of `finetune`: opened or made, adapted, merged and written so that vLLM serves it as it is."""

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import RecipeError
from tasks.methods.llm._finetune_copying import wire
from tasks.methods.llm._finetune_params import Fresh, Params
from tasks.methods.llm._finetune_text import PLAIN_TEMPLATE

BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
ROLES = {role: f"<|{role}|>" for role in ("system", "user", "assistant")}
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# The tokenizer learns nothing new from more texts than this.
_TOKENIZER_TEXTS = 50_000


def check(params: Params) -> None:
    """Raise RecipeError where a package, the device or the model is missing."""
    wanted = ["torch", "transformers", "tokenizers", *(["peft"] if params.adapt == "lora" else [])]
    if missing := [name for name in wanted if importlib.util.find_spec(name) is None]:
        raise RecipeError(f"finetune needs {' and '.join(missing)}: pip install 'tilth[llm]'")
    check_model(params.model)
    if params.device and params.device.startswith("cuda"):
        import torch  # noqa: PLC0415 - heavy

        if not torch.cuda.is_available():
            raise RecipeError(f"device '{params.device}' is asked for and torch finds no CUDA; have: cpu")


def check_model(model: str | None) -> None:
    """Raise RecipeError where `model` can be neither a directory with a model nor a hub id."""
    if model is None or (Path(model) / "config.json").is_file():
        return
    if Path(model).is_dir():
        raise RecipeError(f"model '{model}' is a directory without config.json: not a Hugging Face model")
    if model.count("/") > 1 or model.startswith((".", "/", "~")):
        raise RecipeError(f"no such model directory: '{model}'; leave `model` out for a small Llama from scratch")


def device_of(params: Params) -> Any:
    """Return the torch device."""
    import torch  # noqa: PLC0415 - heavy

    return torch.device(params.device or ("cuda" if torch.cuda.is_available() else "cpu"))


def half(params: Params, device: Any) -> bool:
    """Return whether to compute in bf16: where the device has instructions for it, in `auto`."""
    import torch  # noqa: PLC0415 - heavy

    if params.precision != "auto":
        return params.precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001 - no other way to ask


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run with so many CPU threads."""
    import torch  # noqa: PLC0415 - heavy

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def new_tokenizer(texts: Sequence[str], vocabulary: int) -> Any:
    """Return a byte-level BPE trained on texts: nothing is unknown to it, and what it reads it writes back."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 - heavy

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [PAD, BEGIN, END, *ROLES.values()]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        show_progress=False,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in special],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts[:_TOKENIZER_TEXTS], trainer)
    begin = tokenizer.token_to_id(BEGIN)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BEGIN} $A", special_tokens=[(BEGIN, begin)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        extra_special_tokens=list(ROLES.values()),
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def open_tokenizer(params: Params, texts: Sequence[str]) -> Any:
    """Return the model's tokenizer, with a chat template; a new one for a model from scratch."""
    if params.model is None:
        return new_tokenizer(texts, params.fresh.vocabulary)
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

    tokenizer = _opened(AutoTokenizer, params)
    if tokenizer.eos_token_id is None:
        raise RecipeError(f"the tokenizer of '{params.model}' has no end-of-text token")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.chat_template = tokenizer.chat_template or PLAIN_TEMPLATE
    return tokenizer


def open_model(params: Params, tokenizer: Any, seed: int) -> Any:
    """Return the model, in float32 on the CPU; its adapters in place where it is adapted."""
    import torch  # noqa: PLC0415 - heavy

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if params.model is None:
            return _fresh(params.fresh, tokenizer)
        from transformers import AutoModelForCausalLM  # noqa: PLC0415 - heavy

        model = _opened(AutoModelForCausalLM, params, dtype=torch.float32)
        return _adapted(model, params) if params.adapt == "lora" else model


def _opened(kind: Any, params: Params, **options: Any) -> Any:
    try:
        return kind.from_pretrained(params.model, revision=params.revision, **options)
    except (OSError, ValueError, KeyError) as exc:
        first = str(exc).strip().partition("\n")[0]
        raise RecipeError(f"cannot open the model '{params.model}': {first}") from exc


def _fresh(fresh: Fresh, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415 - heavy

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=fresh.width,
        intermediate_size=fresh.feed_forward,
        num_hidden_layers=fresh.layers,
        num_attention_heads=fresh.heads,
        num_key_value_heads=fresh.heads,
        head_dim=fresh.width // fresh.heads,
        max_position_embeddings=fresh.positions,
        tie_word_embeddings=True,
        attention_bias=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    wire(model)
    return model


def _adapted(model: Any, params: Params) -> Any:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - heavy

    lora = params.lora
    return get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )


def save(model: Any, tokenizer: Any, stops: Sequence[int], folder: Path, dtype: Any) -> Any:
    """Write merged weights (safetensors), tokenizer and generation config; return the merged model."""
    merged = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    merged.generation_config.eos_token_id = list(stops)
    merged.generation_config.pad_token_id = tokenizer.pad_token_id
    # A source model's own sampling (temperature, top_p ...) would be taken up silently by whoever serves this one.
    merged.generation_config.do_sample = None
    for name in ("temperature", "top_p", "top_k", "repetition_penalty"):
        setattr(merged.generation_config, name, None)
    merged.config.use_cache = True
    merged.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return merged


def permutation(seed: int, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return a shuffled range, the same for the same seed."""
    return np.random.Generator(np.random.Philox(key=seed)).permutation(size)
