"""A method that can do both: which of `run` and `rollout` makes its records."""

import pytest

from tasks.core.method import Method, MethodParams, ParamIs, methods


class Params(MethodParams):
    model: str = "embedded"


def run(_seeds, _params, _draw):
    """Never called."""


async def rollout(_draw, _generate, _params):
    """Never called."""


def method(**parts):
    return Method(name="both", version=1, family="augment", params=Params, gives=("text",), **parts)


@pytest.mark.parametrize(
    ("parts", "params", "asks"),
    [
        ({"run": run}, {}, False),
        ({"rollout": rollout}, {}, True),
        ({"run": run, "rollout": rollout, "asks": ParamIs("model", "llm")}, {}, False),
        ({"run": run, "rollout": rollout, "asks": ParamIs("model", "llm")}, {"model": "llm"}, True),
        ({"run": run, "rollout": rollout, "asks": lambda params: len(params.model) == 3}, {"model": "gpt"}, True),
    ],
    ids=["run", "rollout", "both-run", "both-rollout", "function"],
)
def test_params_say_which_of_both_makes_the_records(parts, params, asks):
    """A method with one of them needs not be told."""
    assert method(**parts).asks_engine(Params(**params)) is asks


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "method both needs run or rollout"),
        ({"run": run, "rollout": rollout}, "has run and rollout: it needs asks"),
        ({"run": run, "asks": ParamIs("model", "llm")}, "has asks, but not both run and rollout"),
        ({"rollout": rollout, "asks": ParamIs("model", "llm")}, "has asks, but not both run and rollout"),
    ],
    ids=["none", "both-no-asks", "run-asks", "rollout-asks"],
)
def test_method_that_cannot_tell_is_refused(parts, message):
    """When it is made, not when it runs."""
    with pytest.raises(ValueError, match=message):
        method(**parts)


def test_condition_is_written_as_in_a_recipe():
    """Error messages show it."""
    assert str(ParamIs("model", "llm")) == "model: llm"


@pytest.mark.parametrize("name", sorted(name for name, found in methods().items() if found.asks))
def test_condition_names_a_param_of_the_method(name):
    """A misspelt one would be an error in the middle of a run."""
    asks = methods()[name].asks
    assert not isinstance(asks, ParamIs) or asks.name in methods()[name].params.model_fields
