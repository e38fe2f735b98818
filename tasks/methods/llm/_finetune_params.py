"""Params of `finetune`: the model, how it is trained, how it is drawn from."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.core.method import MethodParams


class Fresh(MethodParams):
    """A Llama of its own, with a byte-level BPE trained on the seeds."""

    width: int = Field(256, ge=32, le=4096, multiple_of=32, description="hidden size")
    layers: int = Field(4, ge=1, le=64, description="layers")
    heads: int = Field(4, ge=1, le=64, description="attention heads; width / heads is 32, 64, 96 or 128")
    feed_forward: int = Field(704, ge=32, le=16384, description="inner size of the feed-forward part")
    positions: int = Field(4096, ge=64, le=131072, description="tokens of a prompt and its answer together, at most")
    vocabulary: int = Field(4096, ge=300, le=65536, description="tokens at most, the 256 bytes among them")

    @model_validator(mode="after")
    def _head_size(self) -> "Fresh":
        if self.width % self.heads or self.width // self.heads not in {32, 64, 96, 128}:
            raise ValueError(
                f"width {self.width} / heads {self.heads} is {self.width / self.heads:g}; have: 32, 64, 96, 128"
            )
        return self


class Lora(MethodParams):
    """Low-rank adapters, merged into the weights when the training ends."""

    rank: int = Field(16, ge=1, le=512, description="rank of each adapter")
    alpha: float = Field(32.0, gt=0, description="numerator of the adapters' scale, alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1, description="dropout before each adapter, in [0, 1)")


class Params(MethodParams):
    """Params of `finetune`."""

    model: str | None = Field(
        None, description="directory or hub id of a causal language model; none: a small Llama from scratch"
    )
    revision: str | None = Field(None, description="revision of a hub id")
    fresh: Fresh = Field(Fresh(), description="the Llama from scratch")
    adapt: Literal["full", "lora"] = Field("full", description="train all weights, or low-rank adapters (peft)")
    lora: Lora = Field(Lora(), description="the low-rank adapters")
    learn: Literal["completion", "all"] = Field(
        "completion", description="what of a pair or chat is learned: the assistant's turns, or all of it"
    )

    context: int = Field(512, ge=16, le=131072, description="tokens of a training row; longer texts are cut")
    packing: bool = Field(True, description="several documents a row; attention stays inside each")
    order: Literal["shuffled", "given"] = Field(
        "shuffled", description="seeds shuffled in every epoch; or as given, the easy ones first, say"
    )
    batch_rows: int = Field(8, ge=1, le=4096, description="rows a forward pass")
    accumulate: int = Field(1, ge=1, le=1024, description="forward passes a step")
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw", description="adamw; or muon for the layers' matrices of a model from scratch, adamw for the rest"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="peak; by default 3e-3 from scratch, 2e-4 with lora, 2e-5 else"
    )
    matrix_rate: float | None = Field(
        None, gt=0, description="peak for the matrices of the layers; by default learning_rate"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps until the peak, in [0, 1)")
    weight_decay: float = Field(0.01, ge=0, description="decoupled weight decay")
    clip: float = Field(1.0, gt=0, description="norm at which gradients are clipped")
    epochs: float = Field(3.0, gt=0, description="passes over the seeds")
    max_steps: int | None = Field(None, ge=1, description="steps at most")
    max_minutes: float | None = Field(
        None, gt=0, description="minutes at most; a training that this ends depends on the machine's speed"
    )
    held_out: float = Field(0.1, ge=0, lt=1, description="share of the seeds kept out of training, in [0, 1)")
    evaluations: int = Field(8, ge=1, le=1000, description="looks at the held-out loss, spread over the training")
    patience: int = Field(3, ge=1, description="looks without a better held-out loss after which training stops")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bf16 where the device computes in it")
    device: str | None = Field(None, description="cpu, cuda or cuda:N; none: CUDA where there is one")
    threads: int = Field(
        2, ge=1, le=256, description="CPU threads of the training; sums, and so the weights, depend on them"
    )

    prompts: Literal["auto", "none", "seeds"] = Field(
        "auto",
        description="what a draw starts from: nothing, or a seed (its first words; a pair's or chat's prompt); "
        "auto: seeds for pairs and chats, nothing for texts",
    )
    prefix: str | None = Field(None, description="start every draw with this instead: of the text, or as the prompt")
    prefix_words: int = Field(4, ge=1, le=64, description="words of a text seed that a draw starts from")
    temperature: float = Field(0.8, ge=0, le=5, description="0 takes the likeliest token")
    top_p: float = Field(0.95, gt=0, le=1, description="share of the probability that is drawn from, in (0, 1]")
    top_k: int = Field(0, ge=0, description="likeliest tokens that are drawn from; 0: all")
    max_tokens: int = Field(256, ge=1, le=32768, description="tokens at most; a longer text is rejected as truncated")
    draw_rows: int = Field(128, ge=1, le=4096, description="texts written together")
    max_copied: float = Field(
        0.8, gt=0, le=1, description="share of its runs of 8 words found in the seeds from which a text is `copied`"
    )

    @model_validator(mode="after")
    def _fits(self) -> "Params":
        if self.optimizer == "muon" and self.model:
            raise ValueError("optimizer 'muon' is for a model from scratch; have: adamw")
        if self.adapt == "lora" and not self.model:
            raise ValueError("adapt 'lora' needs a `model` to adapt")
        return self

    @property
    def rate(self) -> float:
        """The peak learning rate."""
        return self.learning_rate or (2e-4 if self.adapt == "lora" else 2e-5 if self.model else 3e-3)


# What only drawing reads: a change of it trains nothing anew.
DRAWING = frozenset(
    ["prompts", "prefix", "prefix_words", "temperature", "top_p", "top_k", "max_tokens", "draw_rows", "max_copied"]
)
