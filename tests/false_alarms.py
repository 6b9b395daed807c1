"""The page of false alarms, ``tests/false_alarms.md``: measured by checking every right implementation, seed by seed.

``python tests/false_alarms.py [--seeds 50] [NAME...]`` writes it anew, after each seed, in an hour or two; with names
of right implementations, it measures these alone and writes nothing. Exit status 1 where there was an alarm.

An implementation is loaded once for all its seeds. No example is left out because time is short. Those of 100,000
multiplications and more are the same for every seed: all but the first seed leave them out.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from implementations.checking import missing
from test_right import FRAMEWORKS, NUMPY, OUR_OWN, Right, target

from refnet.conformance import Report, engine, load, plan, problem, run
from refnet.conformance.exploring import most_work
from refnet.conformance.planning import EXAMPLES
from refnet.conformance.problem import LARGE
from refnet.conformance.target import Implementation
from refnet.conformance.verdicts import Verdict

PAGE = Path(__file__).with_suffix(".md")
SEEDS = 50
RIGHT = OUR_OWN | NUMPY | FRAMEWORKS
FEWER = {"jax_relu": 5, "jax_maximum": 5}  # examples a clause: JAX compiles for each new shape

_HEAD = """# False alarms

Written by `tests/false_alarms.py`, which checks every right implementation of `tests/test_right.py`, and not by hand.
A false alarm is a refusal, or an error, of an implementation that is right; or a warning that is not in the tables of
that file, where each has its reason. One is the worst defect there is.

*Seeds* are 0 and those that follow, each in every dtype and with every activation that the implementation has. *Drawn*
is how many examples Hypothesis draws for a clause, beside those that every run visits; *examples* are all that were
compared, over all clauses. *Worst error / bound* is the largest ratio that a MUST has seen, and the clause that has
seen it: up to 1 is right. Examples of 100,000 multiplications and more are the same for every seed, and were met
with the first one alone.
"""


class Alarm(NamedTuple):
    """A verdict that should not have been."""

    name: str
    seed: int
    verdict: Verdict

    @property
    def lines(self) -> tuple[str, ...]:
        """What happened, and the lines that reproduce it."""
        v = self.verdict
        shown = v.counterexample.lines if v.counterexample else ()
        return f"{self.name}, seed {self.seed}, {v.clause}[{v.activation}-{v.dtype}]: {v.outcome}: {v.message}", *shown


class Tally(NamedTuple):
    """What the seeds so far have shown of one implementation."""

    name: str
    seeds: int = 0
    examples: int = 0
    dtypes: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    worst: float = 0.0
    where: str = ""  # the clause that has seen the worst
    note: str = ""

    def with_run(self, seed: int, report: Report, note: str) -> "Tally":
        """Return the tally with one more run."""
        every = report.verdicts
        judged = [(v.worst_ratio, v.clause) for v in every if v.level == "MUST" and v.worst_ratio is not None]
        return Tally(
            self.name,
            self.seeds + 1,
            self.examples + sum(v.examples for v in every),
            tuple(dict.fromkeys((*self.dtypes, *(v.dtype for v in every)))),
            (*self.alarms, *alarms(self.name, seed, every)),
            *max([(self.worst, self.where), *judged], key=lambda one: one[0]),
            note,
        )


def alarms(name: str, seed: int, verdicts: Iterable[Verdict]) -> Iterator[Alarm]:
    """Yield every refusal and every error, and the warnings that are not listed."""
    listed = f"{RIGHT[name].warned} {RIGHT[name].perhaps}".split()
    for verdict in verdicts:
        if verdict.outcome in ("fail", "error") or (verdict.outcome == "warn" and verdict.clause not in listed):
            yield Alarm(name, seed, verdict)


def drawn(name: str, examples: int) -> int:
    """Return how many examples Hypothesis draws for each clause of that implementation."""
    return min(examples, FEWER.get(name, examples))


def checked(net: Implementation, name: str, seed: int, examples: int) -> Report:
    """Check with that seed: every example that the implementation is fast enough for, however busy the machine is."""
    asked = plan(net, examples=drawn(name, examples), seed=seed)
    if not seed:
        most_work(net, asked)
    elif net.pace.most_work is not None:
        net.pace.most_work = min(net.pace.most_work, LARGE - 1)
    net.pace.seconds = -math.inf  # so that no clause ever takes too long
    return run(net, asked, diagnose=False)


def page(tallies: Iterable[Tally], examples: int, command: str) -> str:
    """Return the page."""
    found = list(tallies)
    rows = [
        f"| {t.name} | {t.seeds} | {', '.join(t.dtypes)} | {drawn(t.name, examples)} | {t.examples:,}"
        f" | {_count(t, 'fail', 'error')} | {_count(t, 'warn')} | {t.worst:.4g} {t.where} |\n"
        for t in found
    ]
    columns = ("implementation", "seeds", "dtypes", "drawn", "examples", "refused", "warned", "worst error / bound")
    parts = [_HEAD, f"\n    {command}\n\n", f"| {' | '.join(columns)} |\n{'| --- ' * len(columns)}|\n", *rows]
    total = sum(t.examples for t in found)
    every = [alarm for t in found for alarm in t.alarms]
    parts.append(f"\n{sum(t.seeds for t in found):,} runs, {total:,} examples, {len(every)} false alarms.\n")
    for alarm in every:
        parts += ["\n", *(f"    {line}\n" for line in alarm.lines)]
    if absent := sorted({need for right in RIGHT.values() for need in missing(*right.needs.split())}):
        parts.append(f"\nNot installed: {', '.join(absent)}.\n")
    return "".join(parts)


def _count(tally: Tally, *outcomes: str) -> int:
    return sum(alarm.verdict.outcome in outcomes for alarm in tally.alarms)


def _installed(right: Right) -> bool:
    return not missing(*right.needs.split())


def measured(names: list[str], seeds: int, examples: int) -> Iterator[dict[str, Tally]]:
    """Check all of them with each seed in turn; yield the tallies after each seed."""
    nets = {name: load(target(name)) for name in names}
    tallies = {name: Tally(name) for name in names}
    for seed in range(seeds):
        for name, net in nets.items():
            start = time.monotonic()
            report = checked(net, name, seed, examples)
            tallies[name] = tallies[name].with_run(seed, report, net.pace.note)
            seconds = time.monotonic() - start
            print(f"seed {seed}: {name}: {len(tallies[name].alarms)} alarms, {seconds:.1f} s", flush=True)
            for alarm in alarms(name, seed, report.verdicts):
                print("ALARM", *alarm.lines, sep="\n    ", flush=True)
        yield tallies


def main() -> int:
    """Measure all and write the page, or measure some and say what was found."""
    parser = argparse.ArgumentParser(description="Check every right implementation with many seeds.")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds, from 0 on (default: %(default)s)")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="drawn for each clause (default: %(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *RIGHT], help="check these alone")
    asked = parser.parse_args()
    names = asked.names or [name for name, right in RIGHT.items() if _installed(right)]
    found: dict[str, Tally] = {}
    # Implementations share their examples, and so the bounds of them; nothing is made small, an example has a name.
    known = lru_cache(maxsize=30_000)(problem._balls.__wrapped__)
    with mock.patch.object(problem, "_balls", known), mock.patch.object(engine, "minimised", lambda p, *_, **__: p):
        for done, found in enumerate(measured(names, asked.seeds, asked.examples), 1):
            command = f"python tests/false_alarms.py --seeds {done} --examples {asked.examples}"
            written = page(found.values(), asked.examples, command)  # of them all, once it ends
            if not asked.names:
                PAGE.write_text(written, encoding="utf-8")
    if asked.names:
        print(written)
    return int(any(tally.alarms for tally in found.values()))


if __name__ == "__main__":
    sys.exit(main())
