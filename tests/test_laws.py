"""The laws of the network, held against the reference: to the bit where they are so, exactly in exact arithmetic.

Two kinds of data make sums exact, so that laws which regroup or reorder them can be asked for with no tolerance:
Fractions of any size, and small integers in float32 and float64.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import FLOATS, Array, Case, Float, cases, exact_cases, lattice_cases, moderate

import refnet
from refnet import Grads, Params

no_rounding = st.one_of(exact_cases(), lattice_cases())
floats = st.one_of(*(cases(moderate(dtype), dtype) for dtype in FLOATS))
powers = st.integers(-8, 8)


class Results(NamedTuple):
    y_pred: Array
    loss: Any
    grads: Grads[Any]

    def arrays(self) -> list[Array]:
        return [self.y_pred, np.asarray(self.loss), *self.grads]


def results(case: Case) -> Results:
    params, x, y, activation = case
    return Results(
        refnet.forward(params, x, activation=activation),
        refnet.loss(params, x, y, activation=activation),
        refnet.grads(params, x, y, activation=activation),
    )


def assert_equal(found: Results, expected: Results) -> None:
    """Equal values; the sign of a zero is free."""
    for a, b in zip(found.arrays(), expected.arrays(), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def assert_same_bits(found: Results, expected: Results) -> None:
    for a, b in zip(found.arrays(), expected.arrays(), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert a.tobytes() == b.tobytes()


# Rescaling and negation: rounding commutes with them.


@pytest.mark.clause("LAW-1")
@pytest.mark.clause("LAW-6")
@given(floats, st.data())
def test_rescaling_by_powers_of_two_holds_to_the_bit(case: Case, data: st.DataObject) -> None:
    """Feature d times 2**s[d], unit j times 2**t[j], everything after the hidden layer times 2**u."""
    sizes = (*case.params.w1.shape, 1)
    exponents = [
        data.draw(st.lists(powers, min_size=n, max_size=n), label=name) for n, name in zip(sizes, "stu", strict=True)
    ]
    assert_scales(case, *(np.array([2.0**e for e in row], dtype=case.x.dtype) for row in exponents))


@pytest.mark.clause("LAW-6")
@pytest.mark.parametrize("dtype", FLOATS)
def test_rescaling_holds_to_the_bit_at_the_seed_s_size(dtype: Float) -> None:
    """Where a BLAS blocks its sums: how it does so depends on the shapes, not on the numbers."""
    rng = np.random.default_rng(0)
    params, x, y = refnet.init(rng, 1000, 100, 10), rng.standard_normal((64, 1000)), rng.standard_normal((64, 10))
    case = Case(Params(*(p.astype(dtype) for p in params)), x.astype(dtype), y.astype(dtype), "relu")
    assert_scales(case, *(np.ldexp(dtype(1), rng.integers(-8, 9, size)) for size in (1000, 100, 1)))


def assert_scales(case: Case, s: Array, t: Array, u: Array) -> None:
    params, x, y, activation = case
    factors = Params(t / s[:, None], t.reshape(params.b1.shape), u / t[:, None], u)
    scaled = Case(Params(*(p * q for p, q in zip(params, factors, strict=True))), x * s, y * u, activation)
    before = results(case)
    slopes = Grads(*(g * u**2 / q for g, q in zip(before.grads, factors, strict=True)))
    assert_same_bits(results(scaled), Results(before.y_pred * u, before.loss * u.item() ** 2, slopes))


@pytest.mark.clause("LAW-2")
@pytest.mark.clause("LAW-6")
@given(floats, st.data())
def test_negating_features_and_outputs_holds_to_the_bit(case: Case, data: st.DataObject) -> None:
    """To the bit, but for the sign of zeros: 1 - 1 is 0.0, and so is -1 + 1."""
    (w1, b1, w2, b2), x, y, activation = case

    def signs(size: int, label: str) -> Array:
        drawn = data.draw(st.lists(st.sampled_from((-1, 1)), min_size=size, max_size=size), label=label)
        return np.array(drawn, dtype=x.dtype)

    features, outputs = signs(w1.shape[0], "features"), signs(w2.shape[1], "outputs")
    negated = Case(
        Params(w1 * features[:, None], b1, w2 * outputs, b2 * outputs), x * features, y * outputs, activation
    )
    before = results(case)
    slopes = Grads(
        before.grads.w1 * features[:, None], before.grads.b1, before.grads.w2 * outputs, before.grads.b2 * outputs
    )
    assert_equal(results(negated), Results(before.y_pred * outputs, before.loss, slopes))


# Reordering and regrouping: exact where sums are.


@pytest.mark.clause("LAW-3")
@given(no_rounding, st.data())
def test_permutations(case: Case, data: st.DataObject) -> None:
    (w1, b1, w2, b2), x, y, activation = case

    def order(size: int, label: str) -> Array:
        return np.array(data.draw(st.permutations(range(size)), label=label), dtype=int)

    n, d = order(x.shape[0], "samples"), order(x.shape[1], "features")
    h, o = order(w2.shape[0], "units"), order(w2.shape[1], "outputs")
    permuted = Params(w1[d][:, h], b1[..., h], w2[h][:, o], b2[..., o])
    before = results(case)
    g = before.grads
    slopes = Grads(g.w1[d][:, h], g.b1[..., h], g.w2[h][:, o], g.b2[..., o])
    found = results(Case(permuted, x[n][:, d], y[n][:, o], activation))
    assert_equal(found, Results(before.y_pred[n][:, o], before.loss, slopes))


@pytest.mark.clause("LAW-4")
@given(no_rounding, st.data())
def test_a_batch_is_the_sum_of_its_parts(case: Case, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(case.x)), label="samples in the first part")
    first = results(case._replace(x=case.x[:cut], y=case.y[:cut]))
    second = results(case._replace(x=case.x[cut:], y=case.y[cut:]))
    sums = Grads(*(a + b for a, b in zip(first.grads, second.grads, strict=True)))
    y_pred = np.concatenate([first.y_pred, second.y_pred])
    assert_equal(results(case), Results(y_pred, first.loss + second.loss, sums))


@pytest.mark.clause("LAW-4")
@given(no_rounding)
def test_a_batch_seen_twice_counts_twice(case: Case) -> None:
    """The loss is a sum, not a mean."""
    once = results(case)
    twice = results(case._replace(x=np.concatenate([case.x, case.x]), y=np.concatenate([case.y, case.y])))
    doubled = Grads(*(2 * g for g in once.grads))
    assert_equal(twice, Results(np.concatenate([once.y_pred, once.y_pred]), 2 * once.loss, doubled))


@pytest.mark.clause("LAW-5")
@given(no_rounding, st.integers(-3, 3))
def test_a_feature_of_zeros_changes_nothing(case: Case, weight: int) -> None:
    before = results(case)
    w1 = np.concatenate([case.params.w1, np.full_like(case.params.w1[:1], weight)])
    x = np.concatenate([case.x, np.zeros_like(case.x[:, :1])], axis=1)
    found = results(case._replace(params=case.params._replace(w1=w1), x=x))
    assert not found.grads.w1[-1].any()
    assert_equal(found._replace(grads=found.grads._replace(w1=found.grads.w1[:-1])), before)


@pytest.mark.clause("LAW-5")
@given(no_rounding, st.sampled_from(["dead", "of zeros", "unheard"]))
def test_a_unit_that_says_nothing_changes_nothing(case: Case, kind: str) -> None:
    """Dead: h < 0 for every sample, with ReLU. Of zeros: h == 0. Unheard: alive, with no weights after it."""
    w1, b1, w2, b2 = case.params
    activation = "relu" if kind == "dead" else case.activation
    case = case._replace(activation=activation)
    weight, bias, after = {"dead": (0, -1, 3), "of zeros": (0, 0, 3), "unheard": (2, 1, 0)}[kind]
    wider = Params(
        np.concatenate([w1, np.full_like(w1[:, :1], weight)], axis=1),
        np.concatenate([b1, np.full_like(b1[..., :1], bias)], axis=-1),
        np.concatenate([w2, np.full_like(w2[:1], after)]),
        b2,
    )
    found = results(case._replace(params=wider))
    g = found.grads
    without = Grads(g.w1[:, :-1], g.b1[..., :-1], g.w2[:-1], g.b2)
    assert_equal(found._replace(grads=without), results(case))
    own = {
        "dead": [g.w1[:, -1], g.b1[..., -1], g.w2[-1]],
        "of zeros": [g.w2[-1]],
        "unheard": [g.w1[:, -1], g.b1[..., -1]],
    }
    assert not any(slopes.any() for slopes in own[kind])


@pytest.mark.clause("FWD-1")
@given(no_rounding)
def test_a_sample_does_not_see_the_others(case: Case) -> None:
    y_pred = results(case).y_pred
    alone = [results(case._replace(x=case.x[[n]], y=case.y[[n]])).y_pred[0] for n in range(len(case.x))]
    np.testing.assert_array_equal(y_pred, np.array(alone, dtype=y_pred.dtype).reshape(y_pred.shape), strict=True)


# Behaviour.


@given(st.one_of(floats, no_rounding))
def test_every_result_has_the_shape_of_what_it_belongs_to(case: Case) -> None:
    found = results(case)
    assert found.y_pred.shape == case.y.shape
    assert np.shape(found.loss) == ()
    assert [g.shape for g in found.grads] == [p.shape for p in case.params]
    assert [p.shape for p in refnet.update(case.params, found.grads, 1)] == [p.shape for p in case.params]
    assert all(a.dtype == case.x.dtype for a in (found.y_pred, *found.grads))
    if case.x.dtype != np.object_:
        assert found.loss.dtype == case.x.dtype


@pytest.mark.clause("PURE-4")
@pytest.mark.clause("PURE-5")
@given(floats, floats)
def test_a_call_in_between_changes_nothing(case: Case, other: Case) -> None:
    first = results(case)
    kept = [array.copy() for array in first.arrays()]
    results(other)
    second = results(case)
    assert_same_bits(second, first)
    assert [array.tobytes() for array in first.arrays()] == [array.tobytes() for array in kept]


@pytest.mark.clause("PURE-1")
@pytest.mark.clause("PURE-2")
@pytest.mark.clause("PURE-3")
@given(floats)
def test_arguments_are_read_only_and_results_are_new(case: Case) -> None:
    before = [array.tobytes() for array in case.arrays()]
    for array in case.arrays():
        array.flags.writeable = False
    first, second = results(case), results(case)
    new = refnet.update(case.params, first.grads, 0.0)
    owned = [first.y_pred, *first.grads, second.y_pred, *second.grads, *new]
    assert [array.tobytes() for array in case.arrays()] == before
    for i, result in enumerate(owned):
        assert not any(np.shares_memory(result, array) for array in (*case.arrays(), *owned[:i]))
