r"""Find private values in texts, chats, targets and extra fields, and mask them or put others in their place.

Source: Dernoncourt et al. 2017, De-identification of patient notes with recurrent neural networks (https://arxiv.org/abs/1606.03475)

    operator: placeholder                       # [PERSON_NAME]
    operators: {PERSON_NAME: pseudonym, CREDIT_CARD: format}
    patterns: {PROJECT_CODE: 'PX-\d{4}'}

Found are secrets, IBANs, cards, US social security and other national numbers, e-mails, IP and MAC addresses, URLs,
dates of birth and phones, by patterns and check digits; addresses, people, organisations and places, by patterns
and by a name finder (`ner`): a small one that is trained on first use (a minute or two, then kept), or a spaCy pipeline
of yours. A value that is found once is masked wherever else it stands in its record. Operators:

    placeholder  [TYPE]                    numbered   [TYPE_1], the same number for the same value of a record
    redact       a bar of fixed length     hash       [TYPE:16 hex digits], keyed
    surrogate    another value of the type, drawn anew for each record
    pseudonym    another value of the type, the same one in the whole dataset, keyed (HMAC-SHA256)
    format       other digits and letters in the same places, drawn anew; cards, IBANs and dates stay valid ones

The key of `pseudonym` and `hash` is read from TILTH_PSEUDONYM_KEY or `key_file` and kept nowhere; `key_id` keeps four
bytes that tell keys apart, so that another key makes other records. `spans` of the result are the values masked and the
seed's own spans that no mask touched. `extra` says where in the seed they were, as {found: [{start, end, type}]} (also
`found_target` and, with the turn, `found_messages`), without the values. A row in which a value of its own is left, in
whatever form, is rejected as `leaks_pii`, its words with it; one in whose text, target and
messages there is nothing to mask as `unchanged`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator, model_validator

from tasks.core.errors import RecipeError, choices
from tasks.core.method import Draw, Made, Method, MethodParams
from tasks.methods.perturb._pii_key import KEYED, OPERATORS, check_value, read_key
from tasks.methods.perturb._pii_pieces import COLUMNS
from tasks.methods.perturb._pii_source import check as check_source
from tasks.methods.perturb._pii_types import DEFAULT_TYPES, TYPES

_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")


class Params(MethodParams):
    """What to find, and what to put in its place."""

    ner: str = Field(
        "embedded",
        min_length=1,
        description="what finds names: embedded (trained on first use), none, a spaCy pipeline (package or path)",
    )
    types: tuple[str, ...] = Field(DEFAULT_TYPES, min_length=1, description=f"types to find, of {', '.join(TYPES)}")
    operator: str = Field("placeholder", description=f"what happens to a value: {', '.join(OPERATORS)}")
    operators: dict[str, str] = Field(default_factory=dict, description="type -> operator, where it is not `operator`")
    columns: tuple[str, ...] = Field(COLUMNS, min_length=1, description=f"what to read, of {', '.join(COLUMNS)}")
    use_spans: bool = Field(True, description="whether the seed's own spans of the types to find are values too")
    span_types: tuple[str, ...] = Field((), description="further types of the seed's spans that are values: ORDER_ID")
    terms: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="type -> words or phrases of yours, found as whole words; kept with the recipe",
    )
    patterns: dict[str, str] = Field(default_factory=dict, description="type -> regular expression (Python's) of yours")
    ignore_case: bool = Field(True, description="whether terms are found in capitals and small letters alike")
    locale: str = Field("en_US", description="Faker locale of surrogates and pseudonyms")
    key_file: str | None = Field(
        None, description="file of the secret key, 16 bytes or more; default: the environment's TILTH_PSEUDONYM_KEY"
    )
    key_id: str = Field("", description="filled in: what tells the key from another (8 hex digits), not the key")
    keep_clean: bool = Field(False, description="whether rows without any value are kept as they are, not rejected")

    @field_validator("types", "columns")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        have = TYPES if info.field_name == "types" else COLUMNS
        for name in value:
            if name not in have:
                raise ValueError(f"unknown {str(info.field_name)[:-1]} '{name}'{choices(name, have)}")
        return value

    @field_validator("operator", "operators")
    @classmethod
    def _operators(cls, value: Any) -> Any:
        for name in value.values() if isinstance(value, dict) else [value]:
            if name not in OPERATORS:
                raise ValueError(f"unknown operator '{name}'{choices(name, OPERATORS)}")
        return value

    @field_validator("terms", "patterns", "span_types")
    @classmethod
    def _type_names(cls, value: Any) -> Any:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' cannot name a type: use capitals, digits and single _ between them")
        return value

    @field_validator("terms")
    @classmethod
    def _terms(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, terms in value.items():
            if not terms or not all(term.strip() for term in terms):
                raise ValueError(f"terms of '{name}' are empty, or one of them is")
        return value

    @field_validator("patterns")
    @classmethod
    def _patterns(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pattern in value.items():
            try:
                empty = re.compile(pattern).match("")
            except re.error as exc:
                raise ValueError(f"pattern of '{name}' is no regular expression: {exc}") from exc
            if empty:
                raise ValueError(f"pattern '{pattern}' of '{name}' matches the empty text")
        return value

    @model_validator(mode="before")
    @classmethod
    def _with_key_id(cls, data: Any, info: ValidationInfo) -> Any:
        """Make `key_file` absolute, and fill in `key_id` where the key is there; without it `check` says so."""
        if not isinstance(data, Mapping):
            return data
        data = dict(data)
        if isinstance(path := data.get("key_file"), str):
            data["key_file"] = str((Path((info.context or {}).get("base", ".")) / path).expanduser().absolute())
        if _keyed(data.get("operator", ""), data.get("operators") or {}) and not data.get("key_id"):
            try:
                data["key_id"] = check_value(read_key(data.get("key_file")))
            except RecipeError:
                return data
        return data

    @model_validator(mode="after")
    def _operators_of_types(self) -> Self:
        have = {*TYPES, *self.terms, *self.patterns, *self.span_types}
        for name in self.operators:
            if name not in have:
                raise ValueError(f"operators: unknown type '{name}'{choices(name, have)}")
        return self


def _keyed(operator: Any, operators: Any) -> bool:
    chosen = [operator, *(operators.values() if isinstance(operators, Mapping) else ())]
    return any(isinstance(name, str) and name in KEYED for name in chosen)


def check(params: Params) -> None:
    """Raise RecipeError where the pipeline, the locale or the key is not there."""
    check_source(params.ner)
    _secret(params)
    names = {params.operator, *params.operators.values()}
    if names & {"surrogate", "pseudonym"}:
        from faker.config import AVAILABLE_LOCALES  # noqa: PLC0415 - heavy

        if params.locale not in AVAILABLE_LOCALES:
            raise RecipeError(f"unknown locale '{params.locale}'{choices(params.locale, AVAILABLE_LOCALES)}")


def _secret(params: Params) -> bytes:
    """Return the key, or nothing where no operator needs it; RecipeError where it is not the one planned with."""
    if not _keyed(params.operator, params.operators):
        return b""
    key = read_key(params.key_file)
    if params.key_id and params.key_id != check_value(key):
        raise RecipeError(
            f"the secret key is not the one with key_id '{params.key_id}' that this recipe was planned with"
        )
    return key


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return one row for each seed, masked; or its reason: bad_spans, leaks_pii or unchanged."""
    from tasks.methods.perturb._pii_run import masked  # noqa: PLC0415 - a check is waited for

    return masked(seeds, params, draw, _secret(params))


def needs(params: Params) -> frozenset[str]:
    """Return the column that a seed must have: the text, or the first that is read instead."""
    return frozenset({"text" if "text" in params.columns else params.columns[0]} - {"extra"})


def notes(_params: Params, stats: Mapping[str, int]) -> list[str]:
    """Return how many values of each type were masked."""
    found = [f"{name.removeprefix('found:')} {count:,}" for name, count in stats.items() if name.startswith("found:")]
    return [f"masked: {', '.join(found) or 'nothing'}"]


METHOD = Method(
    name="pii_mask",
    version=2,
    family="perturb",
    params=Params,
    run=run,
    gives=("text", "target", "messages", "spans", "extra"),
    seeds=lambda _params: "each",
    needs=needs,
    keeps=("kind", "label"),
    check=check,
    notes=notes,
    shard_rows=20_000,
    hides=True,
)
