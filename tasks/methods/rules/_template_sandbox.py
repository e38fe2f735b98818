"""Jinja with its doors closed: no reach into Python, nothing random, no loop without end and no giant text.

Jinja's own sandbox closes private attributes. What it leaves open is work: nested loops, recursive macros, texts that
double. Every loop turn, call and written character is charged here to a budget that each row gets anew. A guard
against mistakes and against templates from strangers; it does not stand in for limits of the operating system.
"""

import functools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateRuntimeError, nodes, pass_context
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.methods.rules._template_english import sentence, with_article
from tasks.methods.rules._template_plural import counted, plural

MAX_CHARS = 1_000_000
_BUDGET = 2 * MAX_CHARS  # about a tenth of a second
_STEP = 100
_MAX_WIDTH = 10_000
_MAX_BITS = 10_000

# Arguments of these are widths or counts: one number can ask for a gigabyte.
_WIDE = frozenset({"batch", "center", "indent", "round", "slice", "tojson", "truncate", "wordwrap"})
_WIDE_METHODS = frozenset({"center", "expandtabs", "ljust", "rjust", "to_bytes", "zfill"})
# The result of these can be as long as the product of two arguments.
_PRODUCTS = frozenset({"format", "format_map", "indent", "join", "replace", "translate", "wordwrap"})
_CLOSED_NODES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_WRITABLE = (str, int, float, list, tuple, dict, type(None), Undefined)

RENDER_ERRORS = (TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class TooMuchError(TemplateRuntimeError):
    """A row passed the budget."""

    def __init__(self) -> None:
        super().__init__(f"it makes over {MAX_CHARS:,} characters, or works too long")


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment whose templates are deterministic and bounded, with the agreement filters."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, finalize=_written, autoescape=False)
        self.budget = threading.local()
        self.refill()
        self.globals.pop("lipsum")  # both are random, and not from the shard's stream
        self.filters.pop("random")
        self.filters |= {"a": with_article, "an": with_article, "sentence": sentence, "plural": _plural}
        self.filters = {name: _bounded(name, function) for name, function in self.filters.items()}
        self.filters |= {"_turns": _turns, "_joined": _joined}

    def refill(self) -> None:
        """Give the next row a full budget."""
        self.budget.left = _BUDGET

    def charge(self, amount: int) -> None:
        """Take `amount` steps or characters from the row's budget; TooMuchError where nothing is left."""
        self.budget.left = getattr(self.budget, "left", _BUDGET) - amount
        if self.budget.left < 0:
            raise TooMuchError

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return the result of an operator whose result cannot be giant."""
        _check_operands(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return what a call gives, for a price."""
        self.charge(_STEP)
        owner = getattr(obj, "__self__", None)
        if owner is not None or getattr(obj, "__wrapped__", None) is not None:
            _check_method(obj, owner, [*args, *kwargs.values()])
        return super().call(context, obj, *args, **kwargs)

    def render(self, template: Any, values: dict[str, Any]) -> str:
        """Return the text of one row; one of RENDER_ERRORS where it cannot be made."""
        self.refill()
        text = template.render(values)
        if len(text) > MAX_CHARS:
            raise TooMuchError
        return text


def guarded(tree: nodes.Template) -> nodes.Template:
    """Return the syntax tree with every loop turn charged and `~` bounded; ValueError for what is closed."""
    for closed in tree.find_all(_CLOSED_NODES):
        raise ValueError(f"line {closed.lineno}: '{type(closed).__name__.lower()}' is closed: a template stands alone")
    for name in _reached(tree):
        raise ValueError(f"it reaches for '{name}': names that start with '_' are closed")
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            raise ValueError(f"line {loop.lineno}: recursive loops are closed; use a macro")
        loop.iter = _filter(loop.iter, "_turns", nodes.Const(_STEP + _literal_chars(loop)))
    return _without_concat(tree)


def _reached(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if isinstance(name, str) and name.startswith("_"):
            yield name
    for node in tree.find_all(nodes.Filter):
        if node.name.startswith("_"):
            yield node.name


def _literal_chars(node: nodes.Node) -> int:
    return sum(len(data.data) for data in node.find_all(nodes.TemplateData))


def _filter(value: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(args), [], None, None, lineno=value.lineno)


def _without_concat(node: Any) -> Any:
    """Return the tree with `a ~ b` as a filter that looks at the sizes first: `~` alone doubles without a check."""
    for field, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, field, _without_concat(value))
        elif isinstance(value, list):
            setattr(node, field, [_without_concat(v) if isinstance(v, nodes.Node) else v for v in value])
    if isinstance(node, nodes.Concat):
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "_joined")
    return node


@pass_context
def _turns(context: Context, items: Iterable[Any], price: int) -> Iterator[Any]:
    for item in items:
        context.environment.charge(price)
        yield item


@pass_context
def _joined(context: Context, parts: Sequence[Any]) -> str:
    _check_size(parts)
    return "".join(_written(context, part) for part in parts)


@pass_context
def _written(context: Context, value: Any) -> str:
    """Return what an expression writes; a function or a generator would write its address in memory."""
    if not isinstance(value, _WRITABLE):
        raise TemplateRuntimeError(f"a {type(value).__name__} cannot be written; add |list or call it")
    _check_size([value])
    text = str(value)
    context.environment.charge(len(text))
    return text


def _plural(text: str, number: Any = 2) -> str:
    return counted(str(text), str(number)) if number != 2 else plural(str(text))


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that refuses arguments whose result would be giant."""

    @functools.wraps(function)  # copies the marks by which Jinja knows that a filter takes its context
    def filtered(*args: Any, **kwargs: Any) -> Any:
        given = [value for value in [*args, *kwargs.values()] if not _is_machinery(value)]
        if name in _WIDE:
            _check_widths(name, given[1:])
        if name in _PRODUCTS:
            _check_product(given)
        if name == "format":
            _check_pattern(given[0])
        _check_size(given)
        return function(*args, **kwargs)

    return filtered


def _is_machinery(value: Any) -> bool:
    return isinstance(value, Context | ImmutableSandboxedEnvironment) or type(value).__name__ == "EvalContext"


def _check_method(method: Any, owner: Any, given: list[Any]) -> None:
    name = getattr(method, "__name__", "")
    if name in _WIDE_METHODS:
        _check_widths(name, given)
    if name in _PRODUCTS:
        # Jinja hands out its own `format`, which keeps the text that it formats out of reach but names the method.
        text = owner if isinstance(owner, str) else getattr(getattr(method, "__wrapped__", None), "__self__", "")
        _check_product([text, *given])
        if name.startswith("format"):
            _check_pattern(text)


def _check_operands(operator: str, left: Any, right: Any) -> None:
    if operator == "**" and isinstance(left, int) and isinstance(right, int):
        if left.bit_length() * abs(right) > _MAX_BITS:
            raise TooMuchError
    elif operator == "*" and isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > _MAX_BITS:
            raise TooMuchError
    elif operator == "*":
        for many, one in ((left, right), (right, left)):
            if isinstance(many, int) and isinstance(one, str | list | tuple) and many * _size(one) > MAX_CHARS:
                raise TooMuchError
    elif operator == "%" and isinstance(left, str):
        _check_pattern(left)
        _check_product([left, right])
    elif operator == "+" and isinstance(left, str | list | tuple):
        _check_size([left, right])


def _check_widths(name: str, given: Iterable[Any]) -> None:
    for value in given:
        if isinstance(value, int | float) and abs(value) > _MAX_WIDTH:
            raise TemplateRuntimeError(f"{name}({value}) is wider than {_MAX_WIDTH:,}")


def _check_product(given: Iterable[Any]) -> None:
    sizes = sorted((_size(value) for value in given), reverse=True)
    if len(sizes) > 1 and sizes[0] * sizes[1] > 20 * MAX_CHARS:
        raise TooMuchError


def _check_pattern(pattern: Any) -> None:
    """Refuse widths of five digits or more, and widths that come from an argument, in a format string."""
    if isinstance(pattern, str) and re.search(r"\d{5}|%[-+ #0]*\*|%[^%a-zA-Z]*\.\*|\{[^{}]*\{", pattern):
        raise TemplateRuntimeError(f"format string {pattern[:40]!r} has a width over 9,999 or a width in an argument")


def _check_size(given: Iterable[Any]) -> None:
    left = MAX_CHARS
    for value in given:
        left -= _size(value, left)
        if left < 0:
            raise TooMuchError


def _size(value: Any, limit: int = 20 * MAX_CHARS) -> int:
    """Return about how many characters `value` would write, or some number over `limit`; containers may share parts."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, range):
        return 7 * len(value)
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    if not isinstance(value, list | tuple):
        return 1
    total = 1
    for part in value:
        total += _size(part, limit - total)
        if total > limit:
            break
    return total
