"""What holds for every method, ours or another package's."""

import re
import shutil

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.core.engine import Request, TransformersLocal, sampling
from tasks.core.errors import RecipeError
from tasks.core.method import FAMILIES, get_method, methods
from tasks.core.record import SCHEMA
from tasks.engines.factory import check_engine
from tasks.engines.transformers_local import LocalEngine
from tests.builders import make, trained
from tests.engines.asking import once
from tests.methods.examples import EXAMPLES, SEEDS, VARIANTS

METHODS = sorted(methods())
CASES = [*METHODS, *VARIANTS]
COUNT = 24


# A program that the example of a method runs, and the package that brings it.
PROGRAMS = {"back_translation": ("apertium", "the Debian package apertium-eng-spa")}


def of_case(case):
    """Return the method of a case, `eda` or `paraphrase:llm`, and its loaded params."""
    method = get_method(case.partition(":")[0])
    return method, method.params.model_validate((EXAMPLES | VARIANTS)[case])


def made(case, **changes):
    method, params = of_case(case)
    program, package = PROGRAMS.get(case, (None, None))
    if program and not shutil.which(program):
        pytest.skip(f"{program} is not installed: {package}")
    seeds = SEEDS if method.seeds(params) != "none" else None
    return make(method.name, (EXAMPLES | VARIANTS)[case], **{"count": COUNT, "seeds": seeds, **changes})


def test_every_method_has_an_example():
    """A new method is not outside its contract by being forgotten here."""
    assert sorted(EXAMPLES) == METHODS
    both = sorted(name for name, method in methods().items() if method.asks)
    assert sorted(case.partition(":")[0] for case in VARIANTS) == both


@pytest.mark.parametrize("name", METHODS)
def test_method_says_what_it_is(name):
    """A summary for the table, a source, a family, a version, and what each param means."""
    method = get_method(name)
    assert method.family in FAMILIES
    assert method.version >= 1
    assert 10 < len(method.summary) < 120
    assert re.search(r"https?://", method.source)
    assert all(field.description for field in method.params.model_fields.values())
    assert method.params.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("case", CASES)
def test_records_have_the_columns_that_it_gives(case):
    """No column that was not announced, each castable to its type in the schema, at most as many rows as draws."""
    records, (method, params) = made(case).records, of_case(case)
    extra = {"reason", "seed_row", "seed_ids"} | ({"usage", "extra"} if method.asks_engine(params) else set())
    assert set(records.schema.names) - extra <= set(method.gives)
    assert 0 < records.num_rows <= COUNT * method.records(params)
    for column in set(records.schema.names) & set(SCHEMA.names):
        assert records.column(column).cast(SCHEMA.field(column).type) is not None


@pytest.mark.parametrize("case", CASES)
def test_same_stream_same_records(case):
    """The output is a function of seeds, params and stream."""
    first, second = made(case), made(case)
    assert first.records.equals(second.records)
    assert dict(first.stats) == dict(second.stats)


@pytest.mark.parametrize("case", CASES)
def test_other_shard_other_records(case):
    """Shards do not repeat each other."""
    assert not made(case).records.equals(made(case, shard=1, start=COUNT).records)


@pytest.mark.parametrize("case", CASES)
def test_stats_are_counters(case):
    """They add up over shards."""
    assert all(isinstance(key, str) and isinstance(count, int) for key, count in made(case).stats.items())


@pytest.mark.parametrize("case", CASES)
@hypothesis_settings(max_examples=5)
@given(count=st.integers(1, 60), seed=st.integers(0, 2**63 - 1))
def test_never_more_than_asked(case, count, seed):
    """Whatever the count and the run seed: no row too many, no null text without a reason."""
    records, (method, params) = made(case, count=count, run_seed=seed).records, of_case(case)
    assert records.num_rows <= count * method.records(params)
    reasons = records.column("reason") if "reason" in records.schema.names else pa.nulls(records.num_rows)
    for row, reason in zip(records.to_pylist(), reasons.to_pylist(), strict=True):
        assert reason or row.get("text") or row.get("messages")


@pytest.mark.parametrize("name", [name for name in METHODS if get_method(name).serves])
def test_model_that_a_method_serves_is_one_that_engines_open(name):
    """A folder in Hugging Face format with a chat template: it is found whole, and answers."""
    method, params = of_case(name)
    spec = TransformersLocal(type="transformers_local", model=str(trained(method, params, SEEDS)), device="cpu")
    check_engine(spec)
    asked = Request(messages=(("user", "What arrived?"),), sampling=sampling(max_tokens=4))
    (answer,) = once(LocalEngine(spec), [asked])
    assert 1 <= answer.completion_tokens <= 4


@pytest.mark.parametrize(
    ("name", "message"),
    [("cgf", "unknown method 'cgf'; did you mean 'cfg'"), ("cfg@7", "unknown version 'cfg@7'; have: cfg@1")],
)
def test_unknown_method_names_the_nearest(name, message):
    """A misspelt method is a question answered."""
    with pytest.raises(RecipeError, match=message):
        get_method(name)
