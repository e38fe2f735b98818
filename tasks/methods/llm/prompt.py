"""Zero-shot and few-shot prompts: examples, personas, attribute grids, JSON Schema, dialogues.

Source: Brown et al. 2020, Language Models are Few-Shot Learners (https://arxiv.org/abs/2005.14165)

    instruction: Write a support ticket about a {{ product }}.   # a column of the seed, or an attribute
    attributes:                                                  # dealt evenly, every combination in its turn
      topic: [billing, delivery, fault]
      tone: {weighted: {calm: 3, angry: 1}}
    personas: personas.txt                                       # one a line; the attribute `persona`
    label: topic                                                 # the attribute or column that becomes the label
    shots: 4                                                     # examples from the seeds
    select: diverse                                              # random, diverse, nearest (to the seed)
    output: text

`output`: text; answer (the seed's text as `text`, the answer as `target`); pair (both written by the model); chat (a
conversation in one answer, or with `turns` the user and the assistant played in alternating calls); structured (JSON
that is valid under `schema`; with `fields`, {text: property, target: property, label: property}, a text or a pair).

Seeds are data: a placeholder for a whole text (text, target, messages) puts it between tags, any other in quotes on one
line. `{{ column | block }}` and `| quote` choose; `| trusted` puts the seed in as it is, for seeds that are
instructions themselves. Where the instruction holds the seed's text, examples show text and target; where it does not,
they are finished records of the kind that is asked for.

The grid's attributes that no placeholder names are listed below the instruction. A Latin hypercube where the grid has
weights or over 4,096 combinations (McKay et al. 1979, https://doi.org/10.2307/1268522), else the whole product in turn.

Rejects: `no_seed_value`, `empty_answer`, `refusal`, `bad_form`, `bad_json`, `schema_violation`, `bad_unicode`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tasks.core import record
from tasks.core.errors import RecipeError, RecordError, choices
from tasks.core.method import Method, SeedUse, TextOrFile
from tasks.core.rollout import Context, Generate, RolloutDraw, Row
from tasks.methods.llm import _parse, _prompt
from tasks.methods.llm._attributes import Grid, Values, check_grid, dealt
from tasks.methods.llm._chat import Messages, Sampled, block, chat, plain, request, transcript, value_of, words_of
from tasks.methods.llm._select import Pool, Select, pool_of
from tasks.methods.rules._json_source import parsed

Output = Literal["text", "answer", "pair", "chat", "structured"]
Field_ = Literal["text", "target", "label"]
# Longer seeds are left out as examples: they would crowd the prompt.
_EXAMPLE_CHARS = 4000
_SHOWN: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "answer": ("text", "target"),
    "pair": ("text", "target"),
    "chat": ("messages",),
}


class Params(Sampled):
    """What is asked for; the module's text shows it."""

    instruction: TextOrFile = Field(..., min_length=1, description="what to write, or the path of its file")
    system: TextOrFile | None = Field(None, description="system message, or the path of its file")
    output: Output = Field("text", description="what an answer becomes: text, answer, pair, chat, structured")
    shots: int = Field(0, ge=0, le=64, description="examples in a prompt, from the stage's seeds")
    select: Select = Field("random", description="how they are chosen: random, diverse, nearest (to the seed)")
    attributes: Annotated[Grid, AfterValidator(check_grid)] = Field(
        default_factory=dict, description="attribute -> values, as a list, {weighted: {value: weight}} or a file"
    )
    personas: Values | None = Field(None, description="who writes: values of the attribute `persona`, or their file")
    label: str | None = Field(None, description="attribute or column of the seed whose value becomes the label")
    schema_: Annotated[Any, BeforeValidator(parsed), *get_args(TextOrFile)[1:]] = Field(
        None, alias="schema", description="JSON Schema of a structured answer: a mapping, or a JSON or YAML file"
    )
    fields: dict[Field_, str] = Field(
        default_factory=dict, description="record column (text, target, label) -> property of a structured answer"
    )
    turns: int = Field(
        0, ge=0, le=50, description="of a chat: exchanges of user and assistant, two calls each; 0: one call for all"
    )

    @model_validator(mode="after")
    def _fits(self) -> "Params":
        _prompt.parts_of(self.instruction)
        if (self.output == "structured") != (self.schema_ is not None):
            raise ValueError("`schema` and output 'structured' go together")
        if self.fields and (self.output != "structured" or "text" not in self.fields):
            raise ValueError("`fields` is for output 'structured' and needs an entry for text")
        if self.turns and self.output != "chat":
            raise ValueError(f"`turns` is for output 'chat', not for '{self.output}'")
        if self.personas is not None:
            if "persona" in self.attributes:
                raise ValueError("`personas` are the attribute `persona`, which `attributes` has too")
            check_grid({"persona": self.personas})
        if self.output == "answer" and not self.reads_text:
            raise ValueError("output 'answer' answers the seed's text: name it in the instruction, as {{ text }}")
        self._check_examples()
        return self

    def _check_examples(self) -> None:
        if self.shots and self.turns:
            raise ValueError("`shots` do not go with `turns`; leave one out")
        if self.shots and self.reads_text and self.output not in ("text", "answer"):
            raise ValueError(
                f"with the seed's text in the instruction, examples show text and target; output '{self.output}' has "
                "no use for them: leave `shots` out, or choose output text or answer"
            )
        if self.select == "nearest" and not self.columns:
            raise ValueError("select 'nearest' needs a seed at hand: name a column in the instruction, as {{ text }}")

    @property
    def reads_text(self) -> bool:
        """Whether the instruction holds what the seed says."""
        return not self.columns.isdisjoint(("text", "messages"))

    @property
    def grid(self) -> dict[str, dict[str, float]]:
        """The attributes, `persona` the first."""
        return ({"persona": self.personas} if self.personas else {}) | self.attributes

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the seed that the draw itself reads."""
        found = {hole.head for hole in _prompt.holes(self.instruction) if hole.path not in self.grid}
        if self.label is not None and self.label not in self.grid:
            found.add(self.label.partition(".")[0])
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the draws of a shard share: the stage's key and the examples."""

    key: int
    pool: Pool | None


def needs(params: Params) -> frozenset[str]:
    """Return the columns that the instruction, the label and the examples read."""
    return params.columns | (frozenset(_example_columns(params)) if params.shots else frozenset())


def _example_columns(params: Params) -> tuple[str, ...]:
    if params.reads_text:
        return ("text", "target")
    if params.output == "structured":
        return tuple(params.fields) or ("text",)
    return _SHOWN[params.output]


def seeds(params: Params) -> SeedUse:
    """Return how seeds are used: each where the instruction reads them, all for examples alone."""
    if params.columns:
        return "each"
    return "all" if params.shots else "none"


def check(params: Params) -> None:
    """Raise RecipeError for a schema that is none, and for `fields` that name no property of it."""
    if params.schema_ is None:
        return
    _parse.check_schema(params.schema_)
    properties = params.schema_.get("properties", {}) if isinstance(params.schema_, Mapping) else {}
    for column, name in params.fields.items():
        if name not in properties:
            raise RecipeError(f"fields: {column} is '{name}', no property of the schema{choices(name, properties)}")


def prepare(context: Context, params: Params) -> Prepared:
    """Return the examples to choose from; RecipeError where no seed can be one."""
    if not params.shots:
        return Prepared(context.key, None)
    pool = pool_of(context.seeds, params.select, context.key, lambda row: _as_example(row, params) is not None)
    if not pool.rows:
        columns = " and ".join(_example_columns(params))
        raise RecipeError(f"no seed can be an example: none has {columns}, in at most {_EXAMPLE_CHARS:,} characters")
    return Prepared(context.key, pool)


def _as_example(row: Row, params: Params) -> str | None:
    """Return a seed in the form in which the answer is asked for; None where it cannot be shown."""
    values = {name: value_of(row, name) for name in _example_columns(params)}
    if any(not (value or "").strip() for value in values.values()):
        return None
    if sum(len(value) for value in values.values()) > _EXAMPLE_CHARS:
        return None
    if params.output == "structured":
        return _json_example(values, params)
    if "target" in values:
        return _prompt.paired(values["text"], values["target"])
    return next(iter(values.values()))


def _json_example(values: Mapping[str, str], params: Params) -> str | None:
    text = values["text"]
    if params.fields:
        text = record.dumps({name: values[column] for column, name in params.fields.items()})
    try:
        return record.dumps(_parse.json_of(text, record.dumps(params.schema_)))
    except RecordError:
        return None


def messages(
    params: Params,
    seed: Row | None = None,
    *,
    examples: Sequence[Row] = (),
    attributes: Mapping[str, str] | None = None,
) -> Messages:
    """Return the messages that are sent for a seed, examples and the attributes of one draw."""
    form = _prompt.closing(params.output, params.schema_, examples=bool(examples))
    return chat(_task(params, seed, examples, attributes or {}, form), params.system)


def _task(params: Params, seed: Row | None, examples: Sequence[Row], attributes: Mapping[str, str], form: str) -> str:
    named = {hole.path for hole in _prompt.holes(params.instruction)}
    left = {name: value for name, value in attributes.items() if name not in named}
    shown = [text for row in examples if (text := _as_example(row, params)) is not None]
    instruction = _prompt.filled(params.instruction, seed, attributes)
    guarded = bool(shown) or _prompt.is_data(params.instruction, attributes)
    parts = [instruction, _prompt.shown(shown)]
    if params.reads_text:  # what is asked stands below the examples of it
        parts.reverse()
    return _prompt.joined(*parts, _prompt.described(left), form, guarded=guarded)


def turn_messages(
    params: Params,
    said: Sequence[Mapping[str, str]],
    seed: Row | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Messages:
    """Return the messages that ask for the next turn of a dialogue: of the user, or of the assistant after the user.

    The one who plays the user knows the instruction; the assistant knows the system message and what was said.
    """
    if said and said[-1]["role"] == "user":
        turns = tuple((turn["role"], plain(turn["content"])) for turn in said)
        return ((("system", params.system),) if params.system else ()) + turns
    so_far = block("conversation", transcript(said)) if said else ""
    which = "next" if said else "first"
    form = f"You are the user. Write the {which} message of the user. Answer with the message only."
    content = _task(params, seed, (), attributes or {}, "")
    return chat(_prompt.joined(content, so_far, form, guarded=bool(said)))


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return the record of one draw, or its reject; `seed_ids` also name the examples."""
    attributes = dealt(params.grid, draw.number, draw.prepared.key)
    pool = draw.prepared.pool
    examples = pool.choose(params.shots, draw.rng, draw.seed) if pool else []
    try:
        row = await _made(draw.seed, generate, params, examples=examples, attributes=attributes)
    except RecordError as exc:
        row = _parse.rejected(exc)
    ids = [each["id"] for each in ([draw.seed] if draw.seed else []) + examples]
    return [row | {"seed_ids": ids} if examples else row]


async def _made(
    seed: Row | None, generate: Generate, params: Params, *, examples: Sequence[Row], attributes: Mapping[str, str]
) -> Row:
    label = {} if params.label is None else {"label": _label(params.label, seed, attributes)}
    extra = {"attributes": attributes} if attributes else {}
    if params.turns:
        row = {"kind": "chat", "messages": await _dialogue(seed, generate, params, attributes)}
    else:
        schema = record.dumps(params.schema_) if params.output == "structured" else None
        asked = messages(params, seed, examples=examples, attributes=attributes)
        answer = await generate(request(asked, params, schema=schema))
        row = _read(answer.text, seed, params)
    extra |= row.pop("extra", {})
    return label | row | ({"extra": extra} if extra else {})


def _label(name: str, seed: Row | None, attributes: Mapping[str, str]) -> str:
    value = attributes[name] if name in attributes else value_of(seed or {}, name)
    if not value:
        raise RecordError("no_seed_value", name)
    return value


def _read(text: str, seed: Row | None, params: Params) -> Row:
    """Return the record that an answer holds."""
    match params.output:
        case "answer":
            return {"kind": "pair", "text": words_of(seed or {}), "target": _parse.whole(text)}
        case "pair":
            found = _parse.fields(text, ("Input", "Output"))
            return {"kind": "pair", "text": found["Input"], "target": found["Output"]}
        case "chat":
            return {"kind": "chat", "messages": _parse.conversation(text)}
        case "structured":
            return _structured(_parse.json_of(text, record.dumps(params.schema_)), text, params.fields)
    return {"kind": "text", "text": _parse.body(text)}


def _structured(value: Any, raw: str, fields: Mapping[str, str]) -> Row:
    """Return a JSON value as its text, or as a text or a pair where `fields` say which properties these are."""
    if not fields:
        return {"kind": "structured", "text": record.dumps(value)}
    if any(value.get(name) in (None, "") for name in fields.values()):
        raise RecordError("schema_violation", f"no {' or '.join(fields.values())}", raw)
    texts = {
        column: value[name] if isinstance(value[name], str) else record.dumps(value[name])
        for column, name in fields.items()
    }
    return texts | {"kind": "pair" if "target" in fields else "text", "extra": {"object": value}}


async def _dialogue(
    seed: Row | None, generate: Generate, params: Params, attributes: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the messages of a dialogue; RecordError `bad_form` where one speaks for the other."""
    said: list[dict[str, str]] = []
    for place in range(2 * params.turns):
        asked = turn_messages(params, said, seed, attributes)
        answer = await generate(request(asked, params))
        said.append(_parse.turn(answer.text, ("user", "assistant")[place % 2]))
    return said


def _calls(params: Params) -> int:
    return 2 * params.turns or 1


METHOD = Method(
    name="prompt",
    version=1,
    family="llm",
    params=Params,
    rollout=rollout,
    gives=("kind", "text", "messages", "target", "label", "extra"),
    seeds=seeds,
    needs=needs,
    check=check,
    shard_rows=1_000,
    prepare=prepare,
    calls=_calls,
)
