"""Questions over generated databases, with the SQL that answers them and the answer that SQLite gives.

The queries are the grammar's own SELECT statements over an in-memory database that nothing else can reach, made
read-only and bounded by a progress handler: they are run in this process.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_sql_parts import (
    Condition,
    Query,
    aggregate,
    conditions,
    name_column,
    such,
    values_of,
)
from tasks.methods.rules._code_sql_schemas import Schema, Table, draw_schema, label_columns, number_columns

# Virtual machine steps between two looks; the largest of the queries here takes a few thousand steps.
_STEPS = 1_000_000
_QUESTIONS = 4
_MAX_ROWS = 30
Asked = tuple[Query, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with its schema, the statement, and its answer; `reason` says why it is not to be kept."""

    text: str
    sql: str
    extra: dict[str, Any]
    reason: str | None


def draw_pairs(dice: Dice, steps: tuple[int, int]) -> Iterator[Pair]:
    """Yield pairs without end, a few to each database; a query has steps[0]..steps[1] conditions and clauses."""
    while True:
        schema = draw_schema(dice)
        with closing(sqlite3.connect(":memory:")) as db:
            db.executescript(schema.ddl + "\n" + schema.inserts)
            db.execute("PRAGMA query_only = ON")
            db.set_progress_handler(lambda: 1, _STEPS)
            for _ in range(_QUESTIONS):
                query, question = _ask(dice, schema, steps)
                yield _pair(dice, db, schema, query, question)


def _ask(dice: Dice, schema: Schema, steps: tuple[int, int]) -> Asked:
    while True:
        query, question = dice.pick(FORMS)(dice, schema)
        clauses = [query.group, query.having, query.limit, " JOIN " in query.source, "(SELECT" in query.sql()]
        size = len(query.where) + sum(map(bool, clauses))
        if steps[0] <= size + 1 <= steps[1] + 1:
            return query, question


def _pair(dice: Dice, db: sqlite3.Connection, schema: Schema, query: Query, question: str) -> Pair:
    sql = query.sql() + ";"
    answer = [list(row) for row in db.execute(sql)]
    frame = dice.pick(
        (
            f"{schema.ddl}\n\nQuestion: {question}",
            f"Given this SQLite schema, write one SQL query.\n\n{schema.ddl}\n\n{question}",
            f"Answer the question with a query.\n\nQuestion: {question}\n\nSchema:\n{schema.ddl}",
            f"-- SQLite\n{schema.ddl}\n\n-- {question}",
        )
    )
    extra = {"answer": answer, "ddl": schema.ddl, "inserts": schema.inserts}
    return Pair(frame, sql, extra, reason_of(db, query, answer))


def reason_of(db: sqlite3.Connection, query: Query, answer: list[list]) -> str | None:
    """Return why the answer says nothing or is not the only one; None where it is fine."""
    if not answer or all(value in (None, 0) for row in answer for value in row):
        return "empty_answer"
    if len(answer) > _MAX_ROWS:
        return "long_answer"
    if query.order and _ambiguous(db, query):
        return "ambiguous_limit" if query.limit else "ambiguous_order"
    for part in query.parts():
        if [list(row) for row in db.execute(query.sql(without=part))] == answer:
            return "clause_without_effect"
    return None


def _ambiguous(db: sqlite3.Connection, query: Query) -> bool:
    """Return whether two rows that may be shown have the same place in the order, the first one cut off included."""
    rows = db.execute(query.sql(without="limit", keys=True)).fetchall()
    keys = [row[len(query.select) :] for row in rows][: query.limit + 1 if query.limit else None]
    return any(one == two for one, two in pairwise(keys))


def _select(what: str, source: str, *where: str) -> str:
    """Return a subquery; every part is the grammar's own text."""
    return " ".join(["SELECT", what, "FROM", source, *(["WHERE", " AND ".join(where)] if where else [])])


def _source(dice: Dice, schema: Schema, joins: int) -> tuple[str, list[Table]]:
    """Return the child table, joined with `joins` of its parents, and the tables in it."""
    parents = [schema.parent(one) for one in dice.subset(schema.child.parents, joins)]
    text = schema.child.name
    for parent in parents:
        text += f"\nJOIN {parent.name} ON {parent.name}.id = {schema.child.name}.{parent.one}_id"
    return text, [schema.child, *parents]


def _filters(dice: Dice, schema: Schema, tables: list[Table], count: int) -> list[Condition]:
    """Return up to `count` conditions over the joined tables; at least one on each joined parent."""
    prefix = [f"{table.name}." if len(tables) > 1 else "" for table in tables]
    out = []
    for place, table in list(enumerate(tables))[1:]:
        (found,) = conditions(dice, schema, table, 1, prefix[place])
        out.append(Condition(found.sql, f"for a {table.one} {found.english}"))
    own = conditions(dice, schema, tables[0], max(0, count - len(out)), prefix[0])
    return own + out


def _listing(dice: Dice, schema: Schema) -> Asked:
    table = dice.pick(schema.tables)
    name = name_column(table)
    extra = dice.sample([column for column in table.columns if column is not name], dice.integer(0, 2))
    where = conditions(dice, schema, table, dice.integer(1, 2))
    query = Query([name.name, *(column.name for column in extra)], table.name, where, order=[name.name])
    shown = " and ".join(["the " + name.english, *(column.english for column in extra)])
    verb = dice.pick(("List", "Show", "Give", "Return"))
    return query, f"{verb} {shown} of all {such(table.name, where)}, ordered by {name.english}."


def _counting(dice: Dice, schema: Schema) -> Asked:
    source, tables = _source(dice, schema, dice.integer(0, len(schema.child.parents)))
    where = _filters(dice, schema, tables, dice.integer(1, 3))
    asked = dice.pick(("How many {} are there?", "Count the {}.", "What is the number of {}?"))
    return Query(["COUNT(*)"], source, where), asked.format(such(schema.child.name, where))


def _aggregating(dice: Dice, schema: Schema) -> Asked:
    source, tables = _source(dice, schema, dice.integer(0, len(schema.child.parents)))
    where = _filters(dice, schema, tables, dice.integer(1, 2))
    value, english = aggregate(dice, schema.child, f"{schema.child.name}." if len(tables) > 1 else "")
    asked = dice.pick(("What is the {} of {}?", "Find the {} of {}.", "Compute the {} over all {}."))
    return Query([value], source, where), asked.format(english, such(schema.child.name, where))


def _key(dice: Dice, schema: Schema) -> tuple[str, list[Table], str, str]:
    """Return (source, tables, expression, English) of something that the child's rows can be grouped by."""
    child = schema.child
    if labels := [column for column in label_columns(child) if dice.chance(0.4)]:
        return child.name, [child], labels[0].name, labels[0].english
    if (dates := [column for column in child.columns if column.kind == "date"]) and dice.chance(0.3):
        form, english = dice.pick((("%Y", "year"), ("%m", "month number (01 to 12)"), ("%Y-%m", "month (YYYY-MM)")))
        return child.name, [child], f"strftime('{form}', {dates[0].name})", f"{english} of {dates[0].english}"
    source, tables = _source(dice, schema, 1)
    parent = tables[1]
    column = dice.pick([name_column(parent), *label_columns(parent)])
    return source, tables, f"{parent.name}.{column.name}", f"{parent.one} {column.english}"


def _grouping(dice: Dice, schema: Schema) -> Asked:
    source, tables, key, english = _key(dice, schema)
    prefix = f"{schema.child.name}." if len(tables) > 1 else ""
    value, what = aggregate(dice, schema.child, prefix)
    where = conditions(dice, schema, schema.child, dice.integer(0, 2), prefix)
    query = Query([key, value], source, where, group=key, order=[key])
    noun = such(schema.child.name, where)
    asked = dice.pick(
        ("For each {0}, what is the {1} of {2}?", "Show the {1} of {2} by {0}.", "Per {0}, give the {1} of {2}.")
    )
    question = asked.format(english, what, noun)
    if dice.chance(0.4):
        least = dice.integer(2, 5)
        query.having = f"COUNT(*) >= {least}"
        question += f" Only include groups of at least {least} {schema.child.name}."
    return query, f"{question} Order by {english}."


def _ranking(dice: Dice, schema: Schema) -> Asked:
    table = dice.pick([table for table in schema.tables if number_columns(table)] or [schema.child])
    ranked = dice.pick(number_columns(table))
    name = name_column(table)
    where = conditions(dice, schema, table, dice.integer(0, 2))
    size, down = dice.integer(1, 4), dice.chance(0.6)
    known = [Condition(f"{ranked.name} IS NOT NULL", f"with a known {ranked.english}")] if ranked.nullable else []
    known = [extra for extra in known if extra.sql not in [condition.sql for condition in where]]
    query = Query([name.name, ranked.name], table.name, where + known, order=[ranked.name + " DESC" * down], limit=size)
    most = "highest" if down else "lowest"
    shown = f"{size} {such(table.name, where + known)}" if size > 1 else f"one of the {such(table.name, where + known)}"
    return (
        query,
        f"Which {shown} have the {most} {ranked.english}? Give {name.english} and {ranked.english}, {most} first.",
    )


def _ranking_groups(dice: Dice, schema: Schema) -> Asked:
    source, tables, key, english = _key(dice, schema)
    prefix = f"{schema.child.name}." if len(tables) > 1 else ""
    value, what = aggregate(dice, schema.child, prefix)
    where = conditions(dice, schema, schema.child, dice.integer(0, 1), prefix)
    size, down = dice.integer(1, 3), dice.chance(0.6)
    query = Query([key, value], source, where, group=key, order=[value + " DESC" * down], limit=size)
    most = "highest" if down else "lowest"
    top = f"the {size} groups" if size > 1 else "the one group"
    noun = such(schema.child.name, where)
    return (
        query,
        f"Group the {noun} by {english} and show {top} with the {most} {what} of {schema.child.name}, {most} first.",
    )


def _against_average(dice: Dice, schema: Schema) -> Asked:
    table = dice.pick([table for table in schema.tables if number_columns(table)] or [schema.child])
    column, name = dice.pick(number_columns(table)), name_column(table)
    sign, english = dice.pick(((">", "above"), ("<", "below")))
    extreme, most = dice.pick((("MAX", "largest"), ("MIN", "smallest")))
    average = f"{column.name} {sign} ({_select(f'AVG({column.name})', table.name)})"
    top = f"{column.name} = ({_select(f'{extreme}({column.name})', table.name)})"
    chosen = dice.pick(
        (
            Condition(average, f"whose {column.english} is {english} the average {column.english} of all {table.name}"),
            Condition(top, f"whose {column.english} is the {most} of all {table.name}"),
        )
    )
    where = [*conditions(dice, schema, table, dice.integer(0, 1)), chosen]
    query = Query([name.name, column.name], table.name, where, order=[name.name])
    return (
        query,
        f"List {name.english} and {column.english} of the {such(table.name, where)}, ordered by {name.english}.",
    )


def _above_own_group(dice: Dice, schema: Schema) -> Asked:
    child = schema.child
    one, column = dice.pick(child.parents), dice.pick(number_columns(child))
    parent = schema.parent(one)
    inner = _select(f"AVG(other.{column.name})", f"{child.name} AS other", f"other.{one}_id = {child.name}.{one}_id")
    sign, english = dice.pick(((">", "above"), ("<", "below")))
    where = [
        *conditions(dice, schema, child, dice.integer(0, 1)),
        Condition(
            f"{child.name}.{column.name} {sign} ({inner})",
            f"whose {column.english} is {english} the average of the same {parent.one}",
        ),
    ]
    query = Query(["id", column.name], child.name, where, order=["id"])
    return query, f"Give id and {column.english} of the {such(child.name, where)}. Order by id."


def _related(dice: Dice, schema: Schema) -> Asked:
    child, one = schema.child, dice.pick(schema.child.parents)
    parent = schema.parent(one)
    name = name_column(parent)
    inner = conditions(dice, schema, child, dice.integer(0, 1))
    which = "".join(f" {condition.english}" for condition in inner)
    link = [f"{child.name}.{one}_id = {parent.name}.id"]
    such_rows = [condition.sql for condition in inner]
    negated = dice.chance(0.5)
    word = "NOT " * negated
    forms = (
        f"{word}EXISTS ({_select('1', child.name, *link, *such_rows)})",
        f"id {word}IN ({_select(f'{one}_id', child.name, *such_rows)})",
    )
    english = f"that have {'no' if negated else 'at least one'} {child.one}{which}"
    where = [*conditions(dice, schema, parent, dice.integer(0, 1)), Condition(dice.pick(forms), english)]
    if dice.chance(0.3):
        return Query(["COUNT(*)"], parent.name, where), f"How many {such(parent.name, where)} are there?"
    return Query([name.name], parent.name, where, order=[name.name]), (
        f"{dice.pick(('Give', 'List', 'Show'))} the {name.english} of all {such(parent.name, where)}, "
        f"ordered by {name.english}."
    )


def _different(dice: Dice, schema: Schema) -> Asked:
    source, tables = _source(dice, schema, 1)
    parent = tables[1]
    column = dice.pick([name_column(parent), *label_columns(parent)])
    where = conditions(dice, schema, schema.child, dice.integer(1, 2), f"{schema.child.name}.")
    full, noun = f"{parent.name}.{column.name}", such(schema.child.name, where)
    if dice.chance(0.5):
        query = Query([f"COUNT(DISTINCT {full})"], source, where)
        return query, f"How many different values of {parent.one} {column.english} occur among the {noun}?"
    query = Query([full], source, where, order=[full], distinct=True)
    return query, f"List each {parent.one} {column.english} that occurs among the {noun}, once and in order."


def _shares(dice: Dice, schema: Schema) -> Asked:
    source, tables, key, english = _key(dice, schema)
    prefix = f"{schema.child.name}." if len(tables) > 1 else ""
    (counted,) = conditions(dice, schema, schema.child, 1, prefix)
    case = f"CASE WHEN {counted.sql} THEN 1 ELSE 0 END"
    shape = dice.pick(
        ((f"SUM({case})", "number"), (f"ROUND(100.0 * SUM({case}) / COUNT(*), 1)", "percentage (1 decimal)"))
    )
    query = Query([key, shape[0]], source, group=key, order=[key])
    noun = such(schema.child.name, [counted])
    return (
        query,
        f"For each {english}, show the {shape[1]} of {noun} among all its {schema.child.name}. Order by {english}.",
    )


def _joined_listing(dice: Dice, schema: Schema) -> Asked:
    source, tables = _source(dice, schema, dice.integer(1, len(schema.child.parents)))
    child = schema.child
    where = _filters(dice, schema, tables, dice.integer(1, 3))
    names = [
        (f"{table.name}.{name_column(table).name}", f"{table.one} {name_column(table).english}") for table in tables[1:]
    ]
    column = dice.pick(child.columns)
    select = [f"{child.name}.id", *(sql for sql, _ in names), f"{child.name}.{column.name}"]
    shown = ", ".join(["id", *(english for _, english in names)]) + f" and {column.english}"
    query = Query(select, source, where, order=[f"{child.name}.id"])
    return query, f"{dice.pick(('Show', 'List'))} {shown} of the {such(child.name, where)}, ordered by id."


def _busy_parents(dice: Dice, schema: Schema) -> Asked:
    source, tables = _source(dice, schema, 1)
    parent, child = tables[1], schema.child
    name = f"{parent.name}.{name_column(parent).name}"
    column = dice.pick(number_columns(child))
    total = f"SUM({child.name}.{column.name})"
    bound = sum(values_of(schema, child, column)) / max(1, len(schema.rows[parent.name]))
    least = dice.integer(1, 3)
    having, english = dice.pick(
        (
            (f"COUNT(*) > {least}", f"more than {least} {child.name}"),
            (f"{total} > {int(bound)}", f"a total {column.english} of more than {int(bound)} over their {child.name}"),
        )
    )
    where = conditions(dice, schema, parent, dice.integer(0, 1), f"{parent.name}.")
    query = Query([name, "COUNT(*)"], source, where, group=f"{parent.name}.id", having=having, order=[name])
    key = name_column(parent).english
    shown = f"Give {key} and the number of {child.name}, ordered by {key}."
    return query, f"Which {such(parent.name, where)} have {english}? {shown}"


FORMS: tuple[Callable[[Dice, Schema], Asked], ...] = (
    _listing,
    _counting,
    _aggregating,
    _grouping,
    _grouping,
    _ranking,
    _ranking_groups,
    _against_average,
    _above_own_group,
    _related,
    _different,
    _shares,
    _joined_listing,
    _busy_parents,
)
