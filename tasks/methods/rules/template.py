"""Fill templates from lists, weights, ranges, dates, Faker, seed columns and other slots.

Source: van Deemter et al. 2005, Real versus Template-Based NLG (https://doi.org/10.1162/0891201053630291)

    template: "{{ item | a | sentence }} with {{ feature }} costs {{ price }} euros."
    target: "{{ item }}"
    slots:
      item: [lamp, unit, hourglass]                       # each equally likely
      tone: {weighted: {friendly: 3, formal: 1}}
      price: {range: [5, 20], step: 0.5, format: ".2f"}   # both ends included
      day: {date: {from: 2026-01-01, to: 2026-12-31, format: "%d %B %Y"}}
      buyer: {faker: name, locale: de_DE}                 # `args:` for the provider
      topic: {seed: topic}                                # or {{ seed.topic }} in the template
      feature: {by: item, choices: {lamp: [a dimmer], unit: [a plug, a lid], hourglass: [sand]}}
      line: "{{ item }} with {{ feature }}"               # a text of other slots

`lines: FILE` reads choices from a file. `by` may name any slot, a text of two others too; `default:` is for the values
that `choices` does not name. `template` may be a list, of texts or of {text, weight, target, label}: each has its turns
by weight until it has no more different texts to give. `messages` makes a chat, `target` a pair.

Filters: a (an), plural, plural(number), sentence, upper, lower, title, capitalize, trim. More, such as {% if %},
is Jinja's sandbox: same slots, a text at a time; a number without a format compares as a number.

Combinations of slots are dealt out without repeats and, without weights, each as likely as any other. By weight they
repeat, until as many were drawn as there are; from then on each is dealt out once. `capacity` is exact up to 65,536
combinations: all are written, and those that read the same are dropped. Above that it is the number of combinations, an
upper bound that is reached unless two of them read the same. Faker providers that read the clock are refused.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pyarrow as pa
from pydantic import (
    BeforeValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from tasks.core.method import Draw, Made, Method, MethodParams, TextOrFile
from tasks.methods.rules._template_slots import SlotSpec

if TYPE_CHECKING:
    from tasks.methods.rules._template_maker import Maker

_JINJA_WORDS = """
    seed self super loop caller varargs kwargs true false none True False None and or not if else elif in is for
"""
_RESERVED = frozenset(_JINJA_WORDS.split())


def _unless_filled(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Return text with a placeholder as it is: '{{ a }}/{{ b }}.txt' is a template, not a missing file."""
    return value if isinstance(value, str) and "{{" in value else handler(value)


Text = Annotated[TextOrFile, WrapValidator(_unless_filled)]


class Wording(MethodParams):
    """One of several templates."""

    text: Text = Field(..., description="template, or the path of its file")
    weight: float = Field(1.0, gt=0, allow_inf_nan=False, description="turns relative to the other templates")
    target: Text | None = Field(None, description="its own `target`")
    label: Text | None = Field(None, description="its own `label`")


class Turn(MethodParams):
    """One message of a chat."""

    role: Literal["system", "user", "assistant", "tool"] = Field(..., description="who speaks")
    content: Text = Field(..., description="template of what is said, or the path of its file")


def _wordings(value: Any) -> Any:
    if isinstance(value, str | Mapping):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    return [{"text": part} if isinstance(part, str) else part for part in value]


class Params(MethodParams):
    """Params of `template`; the module's text shows every kind of slot."""

    template: Annotated[tuple[Wording, ...], BeforeValidator(_wordings)] = Field(
        (), description="template, path of its file, or a list of them"
    )
    slots: dict[str, SlotSpec] = Field(
        default_factory=dict, description="slot -> list, text or mapping, as shown above"
    )
    target: Text | None = Field(None, description="template of the target, with the same slot values; makes pairs")
    label: Text | None = Field(None, description="template of the label, with the same slot values")
    messages: tuple[Turn, ...] = Field(
        (), description="messages of a chat, each {role, content}, instead of `template`"
    )
    kind: Literal["text", "pair", "chat"] | None = Field(
        None, description="kind of the records; by default chat with `messages`, pair with `target`, else text"
    )
    keep_slots: bool = Field(False, description="keep what each slot was in `extra`, as {slots: {name: text}}")

    @field_validator("slots")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not name.isidentifier() or name.startswith("_") or name in _RESERVED:
                raise ValueError(
                    f"'{name}' cannot name a slot: use letters, digits and _ (not first), and no word of Jinja"
                )
        return value

    @model_validator(mode="after")
    def _fits_kind(self) -> "Params":
        if bool(self.template) == bool(self.messages):
            raise ValueError("give either `template` or `messages`" + (", not both" if self.messages else ""))
        if (self.made_kind == "chat") != bool(self.messages):
            raise ValueError(f"kind '{self.made_kind}' does not go with {'messages' if self.messages else 'template'}")
        for wording in self.template:
            if self.made_kind == "pair" and (wording.target or self.target) is None:
                raise ValueError("kind 'pair' needs a `target`, for each template")
        return self

    @property
    def made_kind(self) -> str:
        """The kind of the records."""
        if self.kind:
            return self.kind
        if self.messages:
            return "chat"
        return "pair" if self.target is not None or any(w.target is not None for w in self.template) else "text"

    def texts(self) -> list[dict[str, str]]:
        """Return the templates of each wording by output: text, target, label, or message 0, message 1 and so on."""
        if self.messages:
            said = {f"message {i}": turn.content for i, turn in enumerate(self.messages)}
            return [said | _given(target=self.target, label=self.label)]
        return [
            {"text": w.text} | _given(target=w.target or self.target, label=w.label or self.label)
            for w in self.template
        ]


def _given(**texts: str | None) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text is not None}


def check(params: Params) -> None:
    """Raise RecipeError for what only the whole shows: unknown slots, cycles, Faker providers, Jinja's errors."""
    _ready(params).check()


def capacity(params: Params) -> int | None:
    """Return how many different records there can be; None with a Faker, seed or continuous slot."""
    return _ready(params).capacity


def needs(params: Params) -> frozenset[str]:
    """Return the columns of the seed that the slots and the texts read."""
    return _ready(params).seed_columns


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return up to `draw.count` filled templates: fewer, or none, where all different texts have been drawn.

    A row is rejected as `no_seed_value` (a column that it reads is null), `no_choices` (a slot has none for the value
    that it depends on), `faker_failed`, `template_error` or `too_long` (Jinja's logic failed on its values).
    """
    return Made(_ready(params).make(seeds, draw))


def _ready(params: Params) -> "Maker":
    # Jinja and Faker load here, not with the list of methods.
    from tasks.methods.rules._template_maker import Keyed, maker  # noqa: PLC0415 - loads Jinja and Faker

    return maker(Keyed(params.model_dump_json(), params))


METHOD = Method(
    name="template",
    version=1,
    family="rules",
    params=Params,
    run=run,
    gives=("kind", "text", "messages", "target", "label", "extra"),
    seeds=lambda params: "each" if needs(params) else "none",
    needs=needs,
    check=check,
    capacity=capacity,
)
