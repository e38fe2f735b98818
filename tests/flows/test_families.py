"""Every family of methods has a flow of its own, with the same form."""

import importlib

import pytest

from tasks.core.method import methods

FAMILIES = sorted({method.family for method in methods().values()})


@pytest.mark.parametrize("family", FAMILIES)
def test_flow_of_a_family_offers_its_methods(family):
    """A select with the family's methods, descriptions from the docstring, and a default that is one of them."""
    from prefect.utilities.callables import parameter_schema

    flow = getattr(importlib.import_module(f"flows.{family}"), family)
    schema = parameter_schema(flow.fn)
    offered = schema.properties["method"]
    names = offered.get("enum") or [offered["const"]]
    assert sorted(names) == sorted(m.name for m in methods().values() if m.family == family)
    assert offered["default"] in names
    assert flow.name == family
    assert all(field.get("description") for field in schema.properties.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_flow_of_a_family_loads_from_its_module(family):
    """The entrypoint that a deployment names."""
    from prefect.flows import load_flow_from_entrypoint

    assert load_flow_from_entrypoint(f"flows.{family}.{family}").name == family


def test_unknown_method_is_refused_by_the_form():
    """A wrong value is a validation error of the parameters, before the flow runs."""
    from prefect.exceptions import ParameterTypeError

    from flows.rules import rules

    with pytest.raises(ParameterTypeError, match="method"):
        rules.validate_parameters({"method": "cgf"})
