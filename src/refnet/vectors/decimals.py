"""Numbers as text: the fewest decimal digits that bring a number of a format back, however they are read."""

import math

from refnet.rounding import Format


def shortest(value: float, fmt: Format) -> str:
    """Return the fewest digits that read as ``value``, a number of the format; NaN and infinities by their names.

    Read straight into the format (strtof in C), or into float64 first and rounded from there (JavaScript), they give
    the same: the text is nearer to the value than to the middle between it and its neighbours, as float64 too.

    >>> from refnet.rounding import FLOAT32, FLOAT64
    >>> shortest(0.10000000149011612, FLOAT32), shortest(0.1, FLOAT64), shortest(-2.0, FLOAT64)
    ('0.1', '0.1', '-2')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if fmt.precision == 53:
        return repr(value).removesuffix(".0")
    below, above = _middles(abs(value), fmt)
    for digits in range(1, 18):
        text = f"{value:.{digits}g}"
        if below < abs(float(text)) < above or value == 0:
            return text
    raise ValueError(f"{value!r} is not read from 17 digits: it is no number of {fmt.name}")


def _middles(size: float, fmt: Format) -> tuple[float, float]:
    """Return the middle between a number and the next smaller one, and the next larger one, both exact in float64."""
    significand, exponent = math.frexp(size)
    place = max(exponent, fmt.emin + 1) - fmt.precision
    half = math.ldexp(0.5, place)
    is_power_of_two = significand == 0.5 and exponent > fmt.emin + 1
    return size - (half / 2 if is_power_of_two else half), size + half
