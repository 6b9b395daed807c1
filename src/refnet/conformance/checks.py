"""What a check is: a function from an implementation and a problem to a finding, the clause it holds, and its data."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from refnet.conformance import strategies
from refnet.conformance.problem import KINDS, TUTORIAL, AnyProblem, Shape, full_size, remembered, work
from refnet.conformance.target import Implementation
from refnet.conformance.verdicts import Finding
from refnet.formats import Precision
from refnet.network import Activation


class Setting(NamedTuple):
    """What a check is run for: the precision, the activation, and what this implementation is fast enough for.

    ``most_work``: how large an example may be. ``few_shapes``: whether only a few different shapes are visited.
    """

    precision: Precision
    activation: Activation
    most_work: int
    few_shapes: bool = False

    def fits(self, problem: AnyProblem) -> bool:
        """Return whether the implementation is fast enough for the problem."""
        return problem.work <= self.most_work


class Data(NamedTuple):
    """Where a check's problems come from: a strategy, and problems that every run visits first."""

    drawn: Callable[[Setting], SearchStrategy[AnyProblem]]
    always: Callable[[Setting], Sequence[AnyProblem]]


Function: TypeAlias = Callable[[Implementation, AnyProblem], Finding]


class Check(NamedTuple):
    """One clause's test. It runs where the implementation has some of ``operations``."""

    clause: str
    operations: tuple[str, ...]
    function: Function
    data: Data
    activations: tuple[Activation, ...]


CHECKS: dict[str, Check] = {}


def holds(
    clause: str,
    *operations: str,
    data: Data,
    activations: tuple[Activation, ...] = ("relu", "identity"),
) -> Callable[[Function], Function]:
    """Register the function below as the check of that clause. Raises ValueError for a second one."""

    def register(function: Function) -> Function:
        if clause in CHECKS:
            raise ValueError(f"{clause} has two checks, expected one")
        CHECKS[clause] = Check(clause, operations, function, data, activations)
        return function

    return register


def _each_kind(setting: Setting) -> Sequence[AnyProblem]:
    """Return one problem of each kind: few examples drawn at random leave some kinds out."""
    shape = (5, 9, 11, 3)
    found = [remembered(kind, shape, setting.precision, setting.activation, 0) for kind in KINDS]
    return [*found, *_at_full_size("dense", "kinked")(setting)]


def _at_full_size(*kinds: str) -> Callable[[Setting], Sequence[AnyProblem]]:
    def problems(setting: Setting) -> Sequence[AnyProblem]:
        if work(TUTORIAL) > setting.most_work:
            return ()
        return [full_size(kind, setting.precision, setting.activation) for kind in kinds]

    return problems


def _small_and_at_full_size(kind: str) -> Callable[[Setting], Sequence[AnyProblem]]:
    def problems(setting: Setting) -> Sequence[AnyProblem]:
        small = remembered(kind, (4, 3, 5, 2), setting.precision, setting.activation, 0)
        return [small, *_at_full_size(kind)(setting)]

    return problems


def _shaped(*shapes: Shape) -> Callable[[Setting], Sequence[AnyProblem]]:
    def problems(setting: Setting) -> Sequence[AnyProblem]:
        return [
            remembered("normal", shape, setting.precision, setting.activation, 0) for shape in _visited(shapes, setting)
        ]

    return problems


def _visited(shapes: tuple[Shape, ...], setting: Setting) -> tuple[Shape, ...]:
    return shapes[:: max(1, len(shapes) // 4)] if setting.few_shapes else shapes


def _few(setting: Setting) -> SearchStrategy[Shape] | None:
    return st.sampled_from(_FEW_SHAPES) if setting.few_shapes else None


def _drawn(*kinds: str) -> Callable[[Setting], SearchStrategy[AnyProblem]]:
    return lambda s: strategies.problems(
        s.precision, s.activation, kinds=kinds, shapes=_few(s), most_work=s.most_work, make=remembered
    )


def _of_shapes(*shapes: Shape) -> Callable[[Setting], SearchStrategy[AnyProblem]]:
    def drawn(setting: Setting) -> SearchStrategy[AnyProblem]:
        fitting = [shape for shape in _visited(shapes, setting) if work(shape) <= setting.most_work]
        some, kinds = st.sampled_from(fitting or shapes[:1]), ("normal",)
        return strategies.problems(setting.precision, setting.activation, kinds=kinds, shapes=some, make=remembered)

    return drawn


def _lattice(kind: str) -> Callable[[Setting], SearchStrategy[AnyProblem]]:
    return lambda s: strategies.lattices(
        s.precision, s.activation, kind=kind, shapes=_few(s), most_work=s.most_work, make=remembered
    )


_FEW_SHAPES = ((1, 1, 1, 1), (4, 3, 5, 2), (8, 9, 7, 4))  # N and O are powers of two, as lattices have them
_EMPTY = ((0, 3, 4, 2), (0, 1, 1, 1), (0, 2, 9, 3))
_SQUARE = ((2, 2, 2, 2), (3, 3, 3, 3), (4, 4, 4, 4), (8, 8, 8, 8))

GENERAL = Data(_drawn(*KINDS), _each_kind)
NORMAL = Data(_drawn("normal", "sparse", "integers"), _shaped((3, 2, 4, 2)))  # once at least two samples
PLAIN = Data(_drawn("normal"), _shaped((3, 2, 4, 2)))  # no zeros, no extremes
DENSE = Data(_lattice("dense"), _at_full_size("dense"))
PERFECT = Data(_lattice("kinked"), _at_full_size("dense"))  # numbers so small that a bound is sharp, and large ones
KINKED = Data(_lattice("kinked"), _small_and_at_full_size("kinked"))  # of few examples, none might show a kink
TILES = Data(_of_shapes(*strategies.tile_shapes()), _shaped(*strategies.tile_shapes()))
ONES = Data(_of_shapes(*strategies.shapes_with_ones()), _shaped(*strategies.shapes_with_ones()))
SQUARES = Data(_of_shapes(*_SQUARE), _shaped(*_SQUARE))
EMPTY = Data(_of_shapes(*_EMPTY), _shaped(*_EMPTY))
