"""The DOC clauses: what the seed printed, held against the reference; and the functions that read and derive it."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

import refnet
from refnet import Activation, Grads, Params, experiments
from refnet.experiments import Experiment, Interval

FALSE_ALARM = 1e-9  # the most that a random quantity may have of leaving the bound it is held to
OPTIMUM = Fraction(105, 17)


class ReluRuns(NamedTuple):
    losses: NDArray[np.float64]  # (200, 60), at the seed's rate
    slow: NDArray[np.float64]  # (200, 8), at half of it
    steepest: NDArray[np.float64]  # (200,), the curvature proved along the first step
    sharpest: NDArray[np.float64]  # (200,), the curvature proved along the sharp direction


class IdentityRuns(NamedTuple):
    losses: NDArray[np.float64]  # (400, 500)
    classified: list[int]  # of the twelve points, after 500 steps


@pytest.fixture(scope="module")
def relu_runs() -> ReluRuns:
    losses, slow, steepest, sharpest = [], [], [], []
    for experiment in map(experiments.relu, range(200)):
        losses.append([step.loss for step in experiments.run(experiment, steps=60)])
        slow.append([step.loss for step in experiments.run(experiment, steps=8, lr=experiment.lr / 2)])
        first = refnet.grads(experiment.params, experiment.x, experiment.y)
        steepest.append(experiments.curvature(experiment, first))
        sharpest.append(experiments.curvature(experiment, experiments.sharp_direction(experiment)))
    return ReluRuns(*map(np.array, (losses, slow, steepest, sharpest)))


@pytest.fixture(scope="module")
def identity_runs() -> IdentityRuns:
    losses, classified = [], []
    for experiment in map(experiments.identity, range(400)):
        steps = list(experiments.run(experiment))
        losses.append([step.loss for step in steps])
        classified.append(experiments.classified(experiment, steps[-1].params))
    return IdentityRuns(np.array(losses), classified)


def certainly_falls(printed: Interval) -> NDArray[np.bool_]:
    """Where t + 1 is below t, whatever the digits that were not printed."""
    return np.array(printed.upper[1:] < printed.lower[:-1], dtype=np.bool_)


def certainly_rises(printed: Interval) -> NDArray[np.bool_]:
    return np.array(printed.lower[1:] > printed.upper[:-1], dtype=np.bool_)


def stability_limit() -> Fraction:
    return 2 / Fraction(experiments.relu(0).lr)


@pytest.mark.clause("DOC-1")
def test_the_printed_relu_losses_lie_in_the_envelope_of_fresh_runs(relu_runs: ReluRuns) -> None:
    printed = experiments.printed_losses("relu")
    assert relu_runs.losses.shape == (200, 60)
    assert (relu_runs.losses.min(axis=0) <= printed.lower).all()
    assert (printed.upper <= relu_runs.losses.max(axis=0)).all()


@pytest.mark.clause("DOC-2")
def test_the_printed_relu_loss_rises_three_times() -> None:
    assert np.flatnonzero(certainly_rises(experiments.printed_losses("relu"))).tolist() == [0, 1, 2]


@pytest.mark.clause("DOC-2")
def test_the_step_is_above_the_stability_limit_in_every_run(relu_runs: ReluRuns) -> None:
    assert Fraction(float(relu_runs.sharpest.min())) > stability_limit()


@pytest.mark.clause("DOC-2")
def test_the_loss_rises_because_of_the_step(relu_runs: ReluRuns) -> None:
    rises = relu_runs.losses[:, 1:] > relu_runs.losses[:, :-1]
    assert 2 * rises.any(axis=1).sum() > 200
    assert (relu_runs.slow[:, 1:] < relu_runs.slow[:, :-1]).all()
    # A first step that ends higher has met more curvature along it than 2 / lr.
    assert rises[:, 0].any()
    assert Fraction(float(relu_runs.steepest[rises[:, 0]].min())) > stability_limit()


@pytest.mark.clause("DOC-3")
def test_the_relu_loss_falls_after_the_first_steps_and_far(relu_runs: ReluRuns) -> None:
    printed, losses = experiments.printed_losses("relu"), relu_runs.losses
    assert certainly_falls(printed)[3:].all()
    assert printed.upper[59] * 1000 < printed.lower[0]
    assert (losses[:, 7:] < losses[:, 6:-1]).all()
    assert (losses[:, 59] * 1000 < losses[:, 0]).all()


@pytest.mark.clause("DOC-4")
def test_the_identity_loss_falls_at_every_step(identity_runs: IdentityRuns) -> None:
    assert certainly_falls(experiments.printed_losses("identity")).all()
    assert (identity_runs.losses[:, 1:] < identity_runs.losses[:, :-1]).all()


@pytest.mark.clause("DOC-5")
def test_the_printed_weights_give_the_printed_predictions() -> None:
    row = experiments.printed_row()
    assert (row.lower <= row.upper).all()
    assert (row.radius < Fraction(6, 10**7)).all()


@pytest.mark.clause("DOC-5")
def test_no_other_predictions_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    read = experiments.printed_matrix
    linear = experiments.printed_linear(experiments.identity_test_inputs())
    predictions = read("identity-predictions")
    # Two intervals of a column are disjoint once their centres are further apart than their radii together.
    radius = (linear.radius + predictions.radius).max(axis=0) * 2
    for i, j in np.ndindex(4, 4):
        for sign in (-1, 1):
            shift = np.zeros((4, 4), dtype=object)
            shift[i, j] = sign * (2 * radius[j] + Fraction(1, 10**9))
            moved = Interval(predictions.lower + shift, predictions.upper + shift)
            monkeypatch.setattr(
                experiments, "printed_matrix", lambda name, moved=moved: moved if "pred" in name else read(name)
            )
            row = experiments.printed_row()
            assert np.flatnonzero(row.lower > row.upper).tolist() == [j]


@pytest.mark.clause("DOC-5")
def test_the_printed_network_has_no_relu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "forward", lambda params, x, **_: refnet.forward(params, x, activation="relu"))
    row = experiments.printed_row()
    assert (row.lower > row.upper).any()


def exact_params(seed: int) -> Params[np.object_]:
    drawn = experiments.identity(seed).params
    return Params(*(np.array([Fraction(v) for v in p.flat], dtype=object).reshape(p.shape) for p in drawn))


def printed_params() -> Params[np.object_]:
    w1, w2 = experiments.printed_matrix("identity-w1").centre, experiments.printed_matrix("identity-w2").centre
    return Params(w1, np.zeros(10, dtype=object), w2, experiments.printed_row().centre)


def exact_points() -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    experiment = experiments.identity(0)
    return experiment.x.astype(int).astype(object), experiment.y.astype(int).astype(object)


@pytest.mark.clause("DOC-6")
def test_the_optimum_is_105_17_and_a_network_attains_it() -> None:
    experiment = experiments.identity(0)
    best = experiments.least_squares(experiment.x, experiment.y)
    assert best.loss == OPTIMUM
    assert (best.weights * 34 == np.array([[1, -1, -1, 1], [1, 1, -1, -1]])).all()
    assert (best.row * 4 == 1).all()

    w1, w2 = np.zeros((2, 10), dtype=object), np.zeros((10, 4), dtype=object)
    w1[0, 0] = w1[1, 1] = 1
    w2[:2] = best.weights
    params = Params(w1, np.zeros(10, dtype=object), w2, best.row)
    x, y = exact_points()
    assert refnet.loss(params, x, y, activation="identity") == OPTIMUM
    assert all((g == 0).all() for g in refnet.grads(params, x, y, activation="identity"))


@pytest.mark.clause("DOC-6")
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, None])
def test_the_loss_exceeds_the_optimum_by_the_distance_from_it(seed: int | None) -> None:
    params = printed_params() if seed is None else exact_params(seed)
    x, y = exact_points()
    best = experiments.least_squares(experiments.identity(0).x, experiments.identity(0).y)
    weights, row = params.w1 @ params.w2, params.b1 @ params.w2 + params.b2
    excess = 408 * np.square(weights - best.weights).sum() + 12 * np.square(row - best.row).sum()
    assert refnet.loss(params, x, y, activation="identity") == OPTIMUM + excess


@pytest.mark.clause("DOC-6")
def test_no_run_goes_below_the_optimum(identity_runs: IdentityRuns) -> None:
    assert Fraction(float(identity_runs.losses.min())) >= OPTIMUM
    assert experiments.printed_losses("identity").lower.min() >= OPTIMUM


@pytest.mark.clause("DOC-6")
def test_the_printed_weights_have_a_loss_of_about_31_05() -> None:
    lower, upper = experiments.printed_loss()
    x, y = exact_points()
    between: Any = refnet.loss(printed_params(), x, y, activation="identity")
    assert lower < between < upper
    assert Fraction("31.04660") < lower
    assert upper < Fraction("31.04675")
    assert upper < experiments.printed_losses("identity").lower[-1]


@pytest.mark.clause("DOC-7")
def test_init_draws_w1_b1_w2_b2_in_this_order() -> None:
    params, rng = refnet.init(np.random.default_rng(0), 1000, 100, 10), np.random.default_rng(0)
    for p, shape in zip(params, [(1000, 100), (100,), (100, 10), (10,)], strict=True):
        assert p.dtype == np.float64
        assert p.shape == shape
        assert (p == rng.standard_normal(shape)).all()


@pytest.mark.clause("DOC-7")
@pytest.mark.parametrize(("sizes", "seeds"), [((1000, 100, 10), 10), ((2, 10, 4), 1000)])
def test_the_draws_are_standard_normal(sizes: tuple[int, int, int], seeds: int) -> None:
    drawn = [refnet.init(np.random.default_rng(seed), *sizes) for seed in range(seeds)]
    for arrays in zip(*drawn, strict=True):
        z = np.sort(np.concatenate([p.ravel() for p in arrays]))
        n, t = len(z), math.log(2 / FALSE_ALARM)
        assert abs(z.sum()) <= math.sqrt(2 * n * t)
        assert -2 * math.sqrt(n * t) <= np.square(z).sum() - n <= 2 * math.sqrt(n * t) + 2 * t
        normal = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in z.tolist()])
        ranks = np.arange(n + 1) / n
        assert max((ranks[1:] - normal).max(), (normal - ranks[:-1]).max()) <= math.sqrt(t / (2 * n))


@pytest.mark.clause("DOC-7")
def test_the_experiments_draw_in_the_order_of_the_seed() -> None:
    first, rng = experiments.relu(7), np.random.default_rng(7)
    drawn = [first.x, first.y, *first.params]
    assert [a.shape for a in drawn] == [(64, 1000), (64, 10), (1000, 100), (1, 100), (100, 10), (1, 10)]
    assert all((a == rng.standard_normal(a.shape)).all() for a in drawn)
    second, rng = experiments.identity(7), np.random.default_rng(7)
    assert [p.shape for p in second.params] == [(2, 10), (10,), (10, 4), (4,)]
    assert all((p == rng.standard_normal(p.shape)).all() for p in second.params)


@pytest.mark.clause("DOC-8")
def test_chance_is_three_of_twelve() -> None:
    # Over all orders of its outputs, an untrained network is right at each point in one case of four, exactly.
    for experiment in map(experiments.identity, range(20)):
        w1, b1, w2, b2 = experiment.params
        orders = [Params(w1, b1, w2[:, list(order)], b2[list(order)]) for order in permutations(range(4))]
        assert sum(experiments.classified(experiment, params) for params in orders) == 3 * len(orders)


@pytest.mark.clause("DOC-8")
def test_a_trained_network_classifies_better_than_chance(identity_runs: IdentityRuns) -> None:
    n = len(identity_runs.classified)
    assert n == 400
    # Hoeffding, for counts in [0, 12]: P(mean - 3 >= e) <= exp(-2 n e^2 / 12^2).
    excess = 12 * math.sqrt(math.log(1 / FALSE_ALARM) / (2 * n))
    assert sum(identity_runs.classified) > n * (3 + excess)


@pytest.mark.clause("DOC-8")
def test_the_printed_network_and_the_optimum_classify_five_and_twelve() -> None:
    experiment = experiments.identity(0)
    lower, upper = experiments.printed_predictions()
    target = experiment.y.argmax(axis=1)
    right = [lower[n, k] > np.delete(upper[n], k).max() for n, k in enumerate(target)]
    wrong = [upper[n, k] < np.delete(lower[n], k).max() for n, k in enumerate(target)]
    assert (sum(right), sum(wrong)) == (5, 7)

    best = experiments.least_squares(experiment.x, experiment.y)
    weights, row = best.weights.astype(np.float64), best.row.astype(np.float64)
    assert experiments.classified(experiment, Params(np.eye(2), np.zeros(2), weights, row)) == 12


# The functions that the clauses rest on.


def test_the_second_experiment_is_that_of_the_seed() -> None:
    experiment = experiments.identity(0)
    assert experiment.x.tolist() == [
        *([1, 1], [-1, 1], [-1, -1], [1, -1]),
        *([10, 1], [-10, 1], [-10, -1], [10, -1]),
        *([1, 10], [-1, 10], [-1, -10], [1, -10]),
    ]
    assert experiment.y.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]] * 3
    assert experiment.x.dtype == np.float64
    assert experiment.y.dtype == np.float64
    assert experiments.identity_test_inputs().tolist() == [[111, -111], [1, 9], [8, 1], [1, 8]]


@pytest.mark.parametrize(("start", "lr"), [(experiments.relu, 1e-6), (experiments.identity, 1e-5)])
def test_a_run_is_refnet_train(start: Callable[[int], Experiment], lr: float) -> None:
    name, activation, own, params, x, y = experiment = start(3)
    assert (name, own) == (activation, lr)
    assert name in get_args(Activation)
    for given, taken in ((None, lr), (lr / 4, lr / 4)):
        steps = list(experiments.run(experiment, steps=3, lr=given))
        expected = list(refnet.train(params, x, y, lr=taken, steps=3, activation=activation))
        assert [step.loss for step in steps] == [step.loss for step in expected]
        assert [step.t for step in steps] == [0, 1, 2]


def test_a_run_is_as_long_as_the_seed_unless_told() -> None:
    assert sum(1 for _ in experiments.run(experiments.identity(0))) == 500
    assert list(experiments.run(experiments.identity(0), steps=0)) == []


@pytest.mark.parametrize("start", [experiments.relu, experiments.identity])
@pytest.mark.parametrize(
    ("seed", "error"),
    [
        (-1, refnet.ArgumentValueError),
        (1.0, refnet.ArgumentTypeError),
        (None, refnet.ArgumentTypeError),
        (True, refnet.ArgumentTypeError),
        ("0", refnet.ArgumentTypeError),
    ],
)
def test_a_seed_is_a_whole_number(start: Callable[[Any], Experiment], seed: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^seed is .*, expected"):
        start(seed)


def test_a_tie_is_not_classified() -> None:
    experiment = experiments.identity(0)
    zero = Params(*map(np.zeros_like, experiment.params))
    assert experiments.classified(experiment, zero) == 0


@pytest.mark.parametrize("name", ["relu", "identity"])
def test_a_printed_loss_is_known_to_half_a_unit_of_its_last_digit(name: Any) -> None:
    printed = experiments.printed_losses(name)
    assert printed.lower.shape == printed.upper.shape == (60,)
    first, unit = {"relu": ("35120482.9527", 10**4), "identity": ("38491.3782864", 10**7)}[name]
    assert printed.centre[0] == Fraction(first)
    assert printed.radius[0] == Fraction(1, 2 * unit)
    assert (printed.radius > 0).all()


def test_the_loss_that_the_document_cuts_off_is_known_to_its_unit() -> None:
    printed = experiments.printed_losses("relu")
    assert (printed.lower[59], printed.upper[59]) == (6751, 6752)


def test_the_printed_matrices_have_their_shapes_digits_and_signs() -> None:
    w1, w2 = experiments.printed_matrix("identity-w1"), experiments.printed_matrix("identity-w2")
    predictions = experiments.printed_matrix("identity-predictions")
    assert (w1.lower.shape, w2.lower.shape, predictions.lower.shape) == ((2, 10), (10, 4), (4, 4))
    assert (w1.centre[0, 0], w1.radius[0, 0]) == (Fraction("-4.94620330e-03"), Fraction("0.5e-11"))
    assert (w1.centre[1, 9], w1.radius[1, 9]) == (Fraction("-1.02690650"), Fraction("0.5e-8"))
    assert (w2.centre[0, 3], w2.radius[0, 3]) == (Fraction("0.0333749"), Fraction("0.5e-7"))
    assert (w2.centre[9, 1], predictions.centre[0, 1]) == (Fraction("-1.56389965"), Fraction("-7.0996596"))
    for printed in (w1, w2, predictions):
        assert (printed.lower < printed.upper).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1.5\n2 1.0\n", "other than"),
        ("1 1.5\n", "other than"),
        ("0 1.5 2.5\n", "other than"),
        ("0 1,5\n", "no printed number"),
        ("0 15\n", "no printed number"),
        ("0 nan\n", "no printed number"),
    ],
)
def test_a_damaged_trace_is_refused(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "documented").mkdir()
    (tmp_path / "documented" / "relu-losses.txt").write_text(text, encoding="ascii")
    monkeypatch.setattr(experiments, "spec_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match=message):
        experiments.printed_losses("relu")


@pytest.mark.parametrize("text", ["", "array([])", "[[1.0, 2.0],\n [3.0]]"])
def test_a_damaged_matrix_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "documented").mkdir()
    (tmp_path / "documented" / "identity-w1.txt").write_text(text, encoding="ascii")
    monkeypatch.setattr(experiments, "spec_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="holds no matrix"):
        experiments.printed_matrix("identity-w1")


def test_a_name_that_was_not_printed_is_not_found() -> None:
    unknown: Any = "tanh"
    with pytest.raises(FileNotFoundError, match="tanh-losses"):
        experiments.printed_losses(unknown)
    with pytest.raises(FileNotFoundError, match="tanh"):
        experiments.printed_matrix(unknown)


def test_a_truncated_or_negative_number_keeps_its_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "documented").mkdir()
    (tmp_path / "documented" / "identity-w1.txt").write_text("[[7., -7.], [0.5e+01, -0.5e+01]]", encoding="ascii")
    monkeypatch.setattr(experiments, "spec_folder", lambda: tmp_path)
    lower, upper = experiments.printed_matrix("identity-w1")
    assert lower.tolist() == [[7, -8], [Fraction("4.5"), Fraction("-5.5")]]
    assert upper.tolist() == [[8, -7], [Fraction("5.5"), Fraction("-4.5")]]


@pytest.mark.parametrize(
    "x", [[[1, 2], [2, 4], [3, 6], [4, 8]], [[0, 1], [0, 2], [0, 4]], [[5, 1], [5, 2], [5, 3]], [[1, 0], [0, 1]]]
)
def test_least_squares_needs_points_that_span(x: list[list[int]]) -> None:
    points = np.array(x, dtype=np.float64)
    with pytest.raises(ValueError, match="expected points that span"):
        experiments.least_squares(points, np.zeros((len(points), 1)))


def small(seed: int, activation: Activation) -> tuple[Experiment, Grads[np.float64]]:
    """Integers, and half-integers in b1: no unit on its kink, every product exact in float64."""
    rng = np.random.default_rng(seed)

    def integers(*shape: int) -> NDArray[np.float64]:
        return rng.integers(-3, 4, shape).astype(np.float64)

    params = Params(integers(4, 6), integers(6) + 0.5, integers(6, 2), integers(2))
    direction = Grads(integers(4, 6), integers(6), integers(6, 2), integers(2))
    return Experiment(activation, activation, 0.0, params, integers(5, 4), integers(5, 2)), direction


def exact_second_derivative(experiment: Experiment, direction: Grads[np.float64]) -> Fraction:
    """Of the loss, a quartic off the kinks: the five-point formula has no error for it, in exact arithmetic."""
    step = Fraction(1, 1000)  # 2 step |k| < 1/2 <= |h|: no unit crosses its kink
    x, y = (np.array([Fraction(v) for v in a.flat], dtype=object).reshape(a.shape) for a in experiment[4:])

    def loss(t: int) -> Fraction:
        exact = [
            np.array([Fraction(u) + t * step * Fraction(v) for u, v in zip(p.flat, d.flat, strict=True)], dtype=object)
            for p, d in zip(experiment.params, direction, strict=True)
        ]
        params = Params(*(e.reshape(p.shape) for e, p in zip(exact, experiment.params, strict=True)))
        return Fraction(refnet.loss(params, x, y, activation=experiment.activation))

    return (-loss(2) + 16 * loss(1) - 30 * loss(0) + 16 * loss(-1) - loss(-2)) / (12 * step**2)


@pytest.mark.parametrize("activation", get_args(Activation))
@pytest.mark.parametrize("seed", range(10))
def test_the_curvature_is_the_rayleigh_quotient_less_rounding(seed: int, activation: Activation) -> None:
    experiment, direction = small(seed, activation)
    exact = exact_second_derivative(experiment, direction)
    norm = sum(int(np.square(d).sum()) for d in direction)
    bound = experiments.curvature(experiment, direction)
    if exact <= 0:
        assert bound == -np.inf
        return
    # Residuals are multiples of 1/2 and their derivatives of 1/2 or 1: twice the second derivative is an integer, and
    # the rounding that the bound allows for is far below 1/2. So the nearest integer is the exact one.
    assert Fraction(bound) * norm < exact
    assert round(2 * Fraction(bound) * norm) == 2 * exact


def test_the_curvature_proves_nothing_at_a_kink_or_without_a_direction() -> None:
    experiment, direction = small(0, "relu")
    flat = Grads(*map(np.zeros_like, direction))
    assert experiments.curvature(experiment, flat) == -np.inf
    w1, b1, w2, b2 = experiment.params
    kinked = experiment._replace(params=Params(np.zeros_like(w1), np.zeros_like(b1), w2, b2))
    assert experiments.curvature(kinked, direction) == -np.inf
    smooth = kinked._replace(activation="identity")
    assert experiments.curvature(smooth, direction) > 0


def test_the_sharp_direction_is_sharper_than_the_gradient() -> None:
    for experiment in map(experiments.identity, range(20)):
        first = refnet.grads(experiment.params, experiment.x, experiment.y, activation="identity")
        sharp = experiments.sharp_direction(experiment)
        assert experiments.curvature(experiment, sharp) > experiments.curvature(experiment, first) > 0


def test_an_experiment_is_not_changed_by_what_is_computed_of_it() -> None:
    experiment, untouched = experiments.relu(0), experiments.relu(0)
    list(experiments.run(experiment, steps=2))
    experiments.curvature(experiment, experiments.sharp_direction(experiment))
    for a, b in zip([*experiment.params, *experiment[4:]], [*untouched.params, *untouched[4:]], strict=True):
        assert a.tobytes() == b.tobytes()
