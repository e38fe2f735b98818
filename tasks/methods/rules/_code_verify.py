"""Decide which functions are right and well tested: run them and their mutants in the sandbox."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.core.errors import ShardError
from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_mutate import mutants
from tasks.methods.rules._code_python import Function
from tasks.methods.rules._sandbox import Level, Limits, Program, Verdict, run_programs

# A function of the grammar needs well under a millisecond; a mutant that needs this much more is not waited for.
MUTANT_CPU_S = 0.5
_SECOND_LOOK = 48
_TOGETHER = 8


@dataclass(frozen=True, slots=True)
class Verified:
    """What is known of a function: the tests that are kept, how many mutants fail them, or why it is a reject."""

    tests: str
    mutants: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What a function has to pass: how many tests are kept, how many mutants must fail them, and under what limits."""

    tests: int
    mutants: int
    limits: Limits
    level: Level


def verify(functions: Sequence[Function], dice: Dice, demand: Demand) -> list[Verified]:
    """Return what is known of each function.

    Its calls must give the expected values, and each of its mutants must give a wrong value (or raise) on one of the
    tests that are kept. A mutant that no call tells apart gets a second look with other calls; after that it survives.
    A mutant that runs out of time is not counted: it shows nothing about the values.
    """
    verdicts = _run([Program(f.source, f.calls, f.expected) for f in functions], demand.limits, demand.level)
    reasons = [_reason(verdict) for verdict in verdicts]
    sources = [
        mutants(f.source, dice, demand.mutants) if r is None else [] for f, r in zip(functions, reasons, strict=True)
    ]
    killed, alive = _killed(functions, sources, demand)
    looked = [_more(f, dice) if left else f for f, left in zip(functions, alive, strict=True)]
    again, alive = _killed(looked, alive, demand, first=[len(f.calls) for f in functions])
    for mine, late in zip(killed, again, strict=True):
        mine.update(late)
    out = []
    for function, reason, kills, left in zip(looked, reasons, killed, alive, strict=True):
        kept = _kept(len(function.calls), list(kills.values()), demand.tests)
        why = reason or ("mutant_survives" if left else None if kills else "no_mutant")
        out.append(Verified(_tests(function, kept), tuple(kills), why))
    return out


def _run(programs: Sequence[Program], limits: Limits, level: Level) -> list[Verdict]:
    verdicts = run_programs(programs, limits, level, together=_TOGETHER)
    for program, verdict in zip(programs, verdicts, strict=True):
        if verdict.status == "stuck":
            # No program of the grammar waits for anything: the machine is too busy to judge it.
            raise ShardError(f"a program was not done after {limits.wall_s} s of wall time: {program.calls[:1]}")
    return verdicts


def _reason(verdict: Verdict) -> str | None:
    if verdict.status == "passed":
        return None
    return "timeout" if verdict.status == "timeout" else "tests_fail"


def _more(function: Function, dice: Dice) -> Function:
    """Return the function with other calls added after the ones it has."""
    calls, expected = function.more(dice, _SECOND_LOOK)
    new = [(c, e) for c, e in zip(calls, expected, strict=True) if c not in function.calls]
    both = (*function.calls, *(c for c, _ in new)), (*function.expected, *(e for _, e in new))
    return replace(function, calls=both[0], expected=both[1])


def _killed(
    functions: Sequence[Function], sources: Sequence[Sequence[str]], demand: Demand, first: Sequence[int] | None = None
) -> tuple[list[dict[str, tuple[int, ...]]], list[list[str]]]:
    """Return of each function its mutants that fail, with the places of the calls that show it, and those that pass.

    `first` is the place of the first call to run.
    """
    starts = first or [0] * len(functions)
    owners = [i for i, mine in enumerate(sources) for _ in mine]
    programs = [
        Program(source, f.calls[start:], f.expected[start:])
        for f, mine, start in zip(functions, sources, starts, strict=True)
        for source in mine
    ]
    limits = replace(demand.limits, cpu_s=min(demand.limits.cpu_s, MUTANT_CPU_S))
    killed: list[dict[str, tuple[int, ...]]] = [{} for _ in functions]
    alive: list[list[str]] = [[] for _ in functions]
    for owner, program, verdict in zip(owners, programs, _run(programs, limits, demand.level), strict=True):
        if verdict.status == "passed":
            alive[owner].append(program.source)
        elif verdict.wrong:
            killed[owner][program.source] = tuple(starts[owner] + place for place in verdict.wrong)
    return killed, alive


def _kept(count: int, kills: list[tuple[int, ...]], tests: int) -> list[int]:
    """Return the places of the calls to keep: two edge cases, what every mutant fails on, then the rest in order."""
    kept = list(range(min(2, count)))
    left = [set(places) for places in kills]
    while left := [places for places in left if places.isdisjoint(kept)]:
        kept.append(max(range(count), key=lambda place: (sum(place in places for places in left), -place)))
    kept += [place for place in range(count) if place not in kept][: max(0, tests - len(kept))]
    return sorted(kept)


def _tests(function: Function, kept: list[int]) -> str:
    return "\n".join(f"assert {function.calls[place]} == {function.expected[place]}" for place in kept)
