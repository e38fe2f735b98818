"""Small wrong versions of a function: the tests that let one of them pass do not say what the function does.

The operators are those of mutation testing (DeMillo, Lipton & Sayward 1978, https://doi.org/10.1109/C-M.1978.218136):
a comparison flipped or moved by one, an operator swapped, a constant changed, a branch dropped, a call exchanged.
"""

import ast
from collections.abc import Iterator

from tasks.methods.rules._code_dice import Dice

FLIPPED = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
EXCHANGED = {
    "max": "min",
    "min": "max",
    "sum": "len",
    "all": "any",
    "any": "all",
    "sorted": "list",
    "upper": "lower",
    "lower": "upper",
    "startswith": "endswith",
    "endswith": "startswith",
}
Edit = tuple[ast.expr | ast.stmt, str]


def mutants(source: str, dice: Dice, count: int) -> list[str]:
    """Return up to `count` different wrong versions of the one function in `source`, drawn from all there are.

    Nothing inside a `while` statement is touched, nor, where there is one, what it starts from: such a mutant mostly
    never ends, which shows nothing.
    """
    function = ast.parse(source).body[0]
    loops = any(isinstance(node, ast.While) for node in ast.walk(function))
    starts = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Assign)} if loops else frozenset()
    edits = [edit for edit in _edits(function) if id(edit[0]) not in starts or not isinstance(edit[0], ast.Constant)]
    # One change a place: the two neighbours of a constant would say the same twice.
    places = {id(node): (node, text) for node, text in dice.sample(edits, len(edits))}
    made = (splice(source, node, text) for node, text in dice.sample(list(places.values()), count))
    return [mutant for mutant in made if mutant != source]


def splice(source: str, node: ast.expr | ast.stmt, text: str) -> str:
    """Return `source` with `text` where `node` was; ast counts columns in bytes, and so does this."""
    lines = source.encode().splitlines(keepends=True)
    before = b"".join([*lines[: node.lineno - 1], lines[node.lineno - 1][: node.col_offset]])
    after = b"".join([lines[node.end_lineno - 1][node.end_col_offset :], *lines[node.end_lineno :]])
    return (before + text.encode() + after).decode()


def _edits(function: ast.stmt) -> Iterator[Edit]:
    """Yield (node, its wrong text) over the body of a function, docstrings and annotations left alone."""
    todo: list[ast.AST] = list(reversed(function.body))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.While) or _is_docstring(node):
            continue
        yield from _wrong(node)
        inner = node.body if isinstance(node, ast.FunctionDef) else ast.iter_child_nodes(node)
        # A minus sign and its number are changed as one, and an f-string has no text of its own to replace.
        if not isinstance(node, ast.JoinedStr) and not _is_negative(node):
            todo.extend(reversed(list(inner)))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_negative(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)


def _wrong(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Constant(value=bool() as value):
            yield node, str(not value)
        case ast.Constant(value=int() as value):
            yield from ((node, str(value + 1)), (node, f"({value - 1})" if value < 1 else str(value - 1)))
        case ast.Constant(value=str() as value):
            yield node, repr(value[:-1] if len(value) > 1 else chr(ord(value) + 1) if value else "?")
        case ast.IfExp():
            yield node, _text(ast.IfExp(node.test, node.orelse, node.body))
        case ast.If():
            yield node.test, "False"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in EXCHANGED:
            yield node.func, _exchanged(node.func, EXCHANGED[name])
        case _:
            yield from _wrong_operator(node)


def _wrong_operator(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Compare(ops=[first, *_]):
            for table in (FLIPPED, BOUNDARY):
                if new := table.get(type(first)):
                    yield node, _text(ast.Compare(node.left, [new(), *node.ops[1:]], node.comparators))
        case ast.BinOp(op=op) if new := SWAPPED.get(type(op)):
            yield node, _text(ast.BinOp(node.left, new(), node.right))
        case ast.AugAssign(op=op) if new := SWAPPED.get(type(op)):
            yield node, ast.unparse(ast.AugAssign(node.target, new(), node.value))
        case ast.BoolOp(op=op):
            yield node, _text(ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), node.values))
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node, _text(node.operand)


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


def _exchanged(function: ast.expr, name: str) -> str:
    return f"{ast.unparse(function.value)}.{name}" if isinstance(function, ast.Attribute) else name
