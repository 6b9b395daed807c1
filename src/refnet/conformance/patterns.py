"""What is regular in a failure, whether or not a listed fault explains it: where, by which factor, to how many bits."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from refnet import enclosure
from refnet.conformance.loading import implementation
from refnet.conformance.observed import Array, Record, alike, different, observe
from refnet.conformance.problem import AnyProblem, Shape
from refnet.faults import Network
from refnet.faults.precision import rounded

_AXES = {  # what the rows and columns of each component are
    "forward": ("sample", "output"),
    "loss": (),
    "w1": ("feature", "unit"),
    "b1": ("unit",),
    "w2": ("unit", "output"),
    "b2": ("output",),
}
_NAMES = ("N", "D", "H", "O", "lr")
_FORMATS = {8: "bfloat16", 11: "half precision or TF32", 24: "float32"}  # by their bits
_NEAR = 2.0  # bits
_FEW, _SEVERAL = 3, 20  # inputs
_FEW_LABELS = 3
_MOST = 0.6  # of the units or problems of which something is said
MEANINGFUL = 4.0  # bits: with fewer, a value is wrong, not imprecise


def where(found: Sequence[Record], component: str, also: Sequence[Shape] = ()) -> str:
    """Return where the component is wrong, if that is not everywhere: "only the last sample", "only when N = 1".

    ``also``: other shapes with which it is wrong.
    """
    records = _of(found, component)
    if values := _values(records, component):
        return values
    place = _units(records, component) or _places(records, component)
    return "; ".join(filter(None, (_circumstances(records, component, also), place)))


def _of(found: Sequence[Record], component: str) -> list[Record]:
    """Return the records of calls that have the component, and numbers in it, or that are the operation."""
    return [
        r for r in found if r.operation == component or (component in r.allowed and r.allowed[component].centre.size)
    ]


def _axes(component: str) -> tuple[str, ...]:
    return _AXES.get(component.rpartition(".")[2], ())  # an operation as a whole has none


def _circumstances(records: list[Record], component: str, also: Sequence[Shape]) -> str:
    usual = _usual(records, component)
    wrong = [record for record in usual if component in record.wrong]
    if not wrong or len(wrong) == len(usual):
        return ""
    plain = [record for record in usual if not record.circumstance.label]
    if any(component in record.wrong for record in plain):
        shapes = [(record.circumstance.problem.shape, component in record.wrong) for record in plain]
        return _sizes(shapes, [*also, *(record.circumstance.problem.shape for record in wrong)])
    labels = list(dict.fromkeys(record.circumstance.label for record in wrong))
    return f"only {' or '.join(labels)}" if len(labels) <= _FEW_LABELS else ""


def _usual(records: list[Record], component: str) -> list[Record]:
    """Return the records of circumstances within the formulas, if the component is wrong in any of them."""
    usual = [record for record in records if not record.circumstance.lenient]
    return usual if any(component in record.wrong for record in usual) else records


def _sizes(tried: list[tuple[Shape, bool]], all_wrong: list[Shape]) -> str:
    """Return the condition on the sizes that tells the problems that go wrong from the others, if one does.

    One that they all meet, and few others do, is the next best: a fault may not show in a unit that is off.
    """
    wrong = np.array([is_wrong for _, is_wrong in tried])
    if len(wrong) < _SEVERAL:
        return ""  # a condition on so few shapes is met by chance
    right = [shape for shape, is_wrong in tried if not is_wrong]
    shapes = [*(shape for shape, _ in tried), *all_wrong]
    conditions = [(words, np.array(held)) for words, held in _conditions(shapes, right)]
    for share in (1.0, _MOST):
        for words, each in conditions:
            held, elsewhere = each[: len(tried)], each[len(tried) :]
            if elsewhere.all() and not held.all() and wrong.sum() >= share * held.sum():
                return f"only when {words}"
    return ""


def _conditions(shapes: list[Shape], right: list[Shape]) -> Iterator[tuple[str, list[bool]]]:
    for axis, name in enumerate(_NAMES[:4]):
        sizes = [shape[axis] for shape in shapes]
        most = max((shape[axis] for shape in right), default=0)
        least = min((size for size in sizes if size > most), default=most)
        yield f"{name} = 1", [size == 1 for size in sizes]
        large = f"{name} > 1" if most == 1 else f"{name} is large: it goes well up to {most}, and not from {least} on"
        yield large, [size > most for size in sizes]
        yield f"{name} is odd", [size % 2 == 1 for size in sizes]
        for tile in (2, 4, 8, 16, 32, 64):
            yield f"{name} > {tile} and no multiple of {tile}", [size > tile and size % tile > 0 for size in sizes]
    for one, other in ((1, 2), (2, 3), (1, 3), (0, 1), (0, 2), (0, 3)):
        pairs, names = [(shape[one], shape[other]) for shape in shapes], (_NAMES[one], _NAMES[other])
        yield " = ".join(names), [size == its for size, its in pairs]
        yield " != ".join(names), [size != its for size, its in pairs]
        yield " > ".join(names), [size > its for size, its in pairs]
        yield " < ".join(names), [size < its for size, its in pairs]


def _units(records: list[Record], component: str) -> str:
    """Return for which h the units of a single sample are wrong: "only where h < 0"."""
    axes = _axes(component)
    if "unit" not in axes:
        return ""
    h: list[Array] = []
    wrong: list[Array] = []
    for record in records:
        problem = record.circumstance.problem
        if len(problem.x) == 1 and not record.circumstance.may_raise and problem.activation == "relu":
            layers = enclosure.layers(problem.params, problem.x, problem.y)
            outside = _mask(record, component)
            along = tuple(axis for axis, name in enumerate(axes) if name != "unit")
            h.append(layers.h.centre[0])
            wrong.append(_any(outside.reshape(outside.shape[-len(axes) :]), along))
    if not h:
        return ""
    values, is_wrong = np.concatenate(h), np.concatenate(wrong)
    for words, condition in (("h < 0", values < 0), ("h == 0", values == 0)):
        # A unit may be wrong and not show it, where its own gradient is 0 or what it feeds is.
        if is_wrong.any() and not (is_wrong & ~condition).any() and is_wrong.sum() >= _MOST * condition.sum():
            return f"only where {words}"
    return ""


def _places(records: list[Record], component: str) -> str:
    """Return which rows or columns are wrong: the first, the last, those past some index."""
    axes = _axes(component)
    found = [r for r in _usual(records, component) if r.wrong.get(component) is not None]
    # A bias may be a row; and where the right value is 0, as in a unit that is off, a mistake may not show.
    masks = [np.reshape(_mask(r, component), r.allowed[component].centre.shape[-len(axes) :]) for r in found]
    shows = [np.reshape(r.allowed[component].centre != 0, m.shape) | m for r, m in zip(found, masks, strict=True)]
    for axis, name in enumerate(axes):
        others = tuple(other for other in range(len(axes)) if other != axis)
        each = [(_any(mask, others), _any(show, others)) for mask, show in zip(masks, shows, strict=True)]
        each = [(line, known) for line, known in each if len(line) > 1]
        lines, knowns = [line for line, _ in each], [known for _, known in each]
        if not lines or all(line[known].all() for line, known in each):
            continue
        first = min(int(line.argmax()) for line in lines)
        places = [np.arange(len(line)) for line in lines]
        for words, told in (
            (f"only the last {name}", [place == len(place) - 1 for place in places]),
            (f"only the first {name}", [place == 0 for place in places]),
            (f"every {name} but the first", [place > 0 for place in places]),
            (f"every {name} but the last", [place < len(place) - 1 for place in places]),
            (f"only from {name} {first} on, counted from 0", [place >= first for place in places]),
        ):
            if all(not (line ^ these)[known].any() for line, these, known in zip(lines, told, knowns, strict=True)):
                return words
    return ""


def _values(records: list[Record], component: str) -> str:
    """Return for which right values the component is wrong: the negative ones, the large ones."""
    compared = (r for r in records if component not in r.wrong or r.wrong[component] is not None)
    told = [r for r in compared if not r.circumstance.lenient]
    if not told or not _axes(component):
        return ""
    right = np.concatenate([np.ravel(r.allowed[component].centre) for r in told])
    is_wrong = np.concatenate([np.ravel(_mask(r, component)) for r in told])
    if not is_wrong.any() or is_wrong.all():
        return ""
    size = np.abs(right)
    least, most = float(size[is_wrong].min()), float(size[is_wrong].max())
    for words, condition in (
        ("is negative", right < 0),
        ("is positive", right > 0),
        ("is 0", right == 0),
        (f"is {least:.3g} or more in size", size >= least),
        (f"is {most:.3g} or less in size", size <= most),
    ):
        if np.array_equal(condition, is_wrong):
            return f"only where the right value {words}"
    return ""


def _any(mask: Array, axes: tuple[int, ...]) -> Array:
    return np.asarray(mask.any(axis=axes))


def _mask(record: Record, component: str) -> Array:
    """Return which entries are wrong, in the shape of the component."""
    mask = record.wrong.get(component)
    return np.zeros(record.allowed[component].centre.shape, np.bool_) if mask is None else mask


class _Factor(NamedTuple):
    """A factor in terms of the sizes and the rate: constant * N^n * D^d * H^h * O^o * lr^l."""

    constant: float
    powers: tuple[int, ...]

    def at(self, problem: AnyProblem) -> float:
        sizes = (*problem.shape, problem.lr)
        return self.constant * float(np.prod([float(s) ** p for s, p in zip(sizes, self.powers, strict=True)]))

    @property
    def words(self) -> str:
        """The factor as one writes it: "1/(2 N)"."""
        above, below = ([n for n, p in zip(_NAMES, self.powers, strict=True) if p == sign] for sign in (1, -1))
        size = abs(self.constant)
        if 0 < size < 1 and (1 / size).is_integer():
            below = [f"{1 / size:.6g}", *below]
        elif size != 1 or not above:
            above = [f"{size:.6g}", *above]
        over, under = " ".join(above) or "1", " ".join(below)
        quotient = f"{over}/({under})" if len(below) > 1 else f"{over}/{under}" if below else over
        return f"-{quotient}" if self.constant < 0 else quotient


_CONSTANTS = (1.0, 2.0, 0.5, -1.0, 4.0, 0.25, -2.0, -0.5, 0.0)


def _factors() -> Iterator[_Factor]:
    shapes = [p for p in product((0, 1, -1), repeat=4) if sum(map(abs, p)) <= 2]
    for powers in sorted(shapes, key=lambda p: sum(map(abs, p))):
        for constant in _CONSTANTS:
            if constant or not any(powers):
                yield _Factor(constant, (*powers, 0))
    for constant, power in product((1.0, 2.0, 0.5, -1.0), (1, -1)):
        yield _Factor(constant, (0, 0, 0, 0, power))


FACTORS = tuple(factor for factor in _factors() if factor != _Factor(1.0, (0, 0, 0, 0, 0)))


def ratio(found: Sequence[Record], component: str) -> str:
    """Return by which factor the component is wrong, the same in every ordinary circumstance: "1/N", "2", "-1".

    Of a parameter after an update or a step, the factor is that of its change.
    """
    records = [r for r in _of(found, component) if not (r.circumstance.lenient or r.circumstance.label)]
    if not any(component in r.wrong for r in records) or any(component not in r.seen.values for r in records):
        return ""
    if len({id(record.circumstance) for record in records}) < _FEW:
        return ""  # a factor that so few inputs share may be chance
    for factor in (*FACTORS, *_constant(records[0], component)):
        if all(_scales(record, component, factor) for record in records):
            return factor.words
    return ""


def _constant(record: Record, component: str) -> Iterator[_Factor]:
    """Yield the factor of the largest entry, as it was seen once, in few digits and in all."""
    right, base = _right(record, component)
    at = np.unravel_index(int(np.argmax(np.abs(right))), right.shape)
    with np.errstate(all="ignore"):
        seen = (float(record.seen.values[component][at]) - base[at]) / right[at]
    if np.isfinite(seen) and abs(seen - 1) > 2.0**-20:
        yield from (_Factor(constant, (0, 0, 0, 0, 0)) for constant in (float(f"{seen:.3g}"), float(seen)))


def _right(record: Record, component: str) -> tuple[Array, Array]:
    """Return what a factor would multiply, and what it leaves as it is."""
    centre, problem = record.allowed[component].centre, record.circumstance.problem
    if record.operation in ("update", "step"):
        before = getattr(problem.params, component.partition(".")[2]).astype(np.float64)
        return centre - before, before
    return centre, np.zeros_like(centre)


def _scales(record: Record, component: str, factor: _Factor) -> bool:
    by, radius = factor.at(record.circumstance.problem), record.allowed[component].radius
    right, base = _right(record, component)
    return bool(alike(record.seen.values[component], base + by * right, (abs(by) + 1) * radius).all())


def bits(found: Sequence[Record], component: str) -> float | None:
    """Return how many leading bits of the component are right, in the median of the ordinary circumstances."""
    right: list[float] = []
    for record in _of(found, component):
        value, outside = record.seen.values.get(component), record.wrong.get(component)
        if value is None or outside is None or record.circumstance.lenient:
            continue
        with np.errstate(all="ignore"):  # where the right value is 0, the quotient is no number, and not counted
            centre = record.allowed[component].centre
            off = float(np.abs(value.astype(np.float64) - centre).max() / np.abs(centre).max())
            right.append(float(-np.log2(off)))
    finite = [b for b in right if np.isfinite(b)]
    return max(0.0, float(np.median(finite))) if finite else None


class _Rounded(Network):
    """The network whose operands are rounded to so many bits, in the products of one pass or of both."""

    def __init__(self, forward: int | None, backward: int | None) -> None:
        self.forward_bits, self.backward_bits = forward, backward

    def product(self, left: Array, right: Array) -> Array:
        return _product(left, right, self.forward_bits)

    def product_back(self, left: Array, right: Array) -> Array:
        return _product(left, right, self.backward_bits)


def _product(left: Array, right: Array, few: int | None) -> Array:
    return left @ right if few is None else rounded(left, few) @ rounded(right, few)


def precision(found: Sequence[Record], component: str) -> str:
    """Return to how many bits the operands seem to be rounded, and in which pass; or what format gives as many."""
    least = bits(found, component)
    plain = [record for record in found if not record.circumstance.label]
    if least is None or not plain:
        return ""
    format_bits = plain[0].circumstance.problem.precision.stores.precision
    if not MEANINGFUL < least < format_bits - 1:
        return ""
    for few in range(max(2, int(least) - 3), min(int(least) + 8, format_bits)):
        for words, net in (
            ("of every product", _Rounded(few, few)),
            ("of the products of the forward pass", _Rounded(few, None)),
            ("of the products of the backward pass", _Rounded(None, few)),
        ):
            seen = implementation(net)
            if not any(different(record, observe(seen, record.operation, record.circumstance, {})) for record in plain):
                return f"as if the operands {words} were rounded to {few} bits"
    nearest = min(_FORMATS, key=lambda few: abs(few - least))
    if nearest < format_bits and abs(nearest - least) < _NEAR:
        return f"about as many as {_FORMATS[nearest]} gives"
    return ""
