"""Where seeds come from: the part of a recipe that names files or a dataset, and how their columns map to a record."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tasks.core.record import SCHEMA

Format = Literal["auto", "jsonl", "json", "csv", "parquet", "text", "hf"]

# The record columns that a source may fill; the others are Tilth's own bookkeeping.
MAPPABLE: Final = ("text", "messages", "target", "label", "spans")


class SeedSource(BaseModel):
    """A source of seeds; in a recipe a plain string is short for `{path: ...}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(
        min_length=1,
        description="file, directory or glob, relative to the recipe; or a Hugging Face dataset "
        "(`hf://owner/name[/config]`, or `owner/name[/config]` with format hf); gzip and zstd are read as they are",
    )
    format: Format = Field("auto", description="format of the files; auto goes by suffix, and by content for JSON")
    columns: Mapping[str, str] = Field(
        default_factory=dict,
        description="record column (text, messages, target, label, spans) or extra name, to source column; "
        "a column of the same name needs no entry, and what is not named is kept in `extra`",
    )
    text_mode: Literal["line", "file"] = Field("line", description="plain text: one record a line, or one a file")
    on_error: Literal["stop", "skip"] = Field(
        "stop", description="at a row that cannot be read: stop, or skip it and keep it as a reject with its reason"
    )
    split: str | None = Field(
        None, min_length=1, description="split of a Hugging Face dataset; needed if it has several"
    )
    limit: int | None = Field(None, ge=1, description="read the first so many records; default all")
    revision: str | None = Field(None, min_length=1, description="branch, tag or commit of a Hugging Face dataset")
    delimiter: str | None = Field(
        None,
        description="CSV delimiter, one character; default tab for .tsv, else the first of , ; tab | in the header",
    )
    quote: str = Field('"', min_length=1, max_length=1, description="CSV quote character")

    @model_validator(mode="before")
    @classmethod
    def _from_string(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @field_validator("columns")
    @classmethod
    def _each_once(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        """Refuse names that Tilth sets itself, and one source column under two names."""
        names: dict[str, str] = {}
        for name, column in value.items():
            if not name or (name in SCHEMA.names and name not in MAPPABLE):
                raise ValueError(f"cannot map to '{name}', which Tilth sets; have: {', '.join(MAPPABLE)} or a new name")
            if column in names:
                raise ValueError(f"source column '{column}' is mapped twice: to '{names[column]}' and '{name}'")
            names[column] = name
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        value = "\t" if value in ("\\t", "tab") else value
        if value is not None and (len(value) != 1 or value in '\r\n"'):
            raise ValueError(f"delimiter {value!r} is not one character (or tab)")
        return value

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.format not in ("auto", "csv") and (self.delimiter is not None or self.quote != '"'):
            raise ValueError(f"delimiter and quote are for csv, not for format '{self.format}'")
        if not self.is_dataset and self.format not in ("auto", "hf") and (self.split or self.revision):
            raise ValueError(f"split and revision are for Hugging Face datasets, not for format '{self.format}'")
        if self.path.startswith("hf://") and self.format not in ("auto", "hf"):
            raise ValueError(f"path '{self.path}' is a Hugging Face dataset, format is '{self.format}'")
        return self

    @property
    def is_dataset(self) -> bool:
        """Whether the path is sure to name a Hugging Face dataset; a saved dataset's folder is found on disk."""
        return self.format == "hf" or self.path.startswith("hf://")
