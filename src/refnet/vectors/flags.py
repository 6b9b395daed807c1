"""The flags of the vectors: what a failure probably is. The faults are those that ``refnet faults NAME`` explains."""

from typing import NamedTuple


class Note(NamedTuple):
    """What a flag says, in a sentence or two, and the listed faults that fail a vector with that flag, each of them."""

    says: str
    faults: tuple[str, ...]


def _note(says: str, faults: str) -> Note:
    return Note(says, tuple(faults.split()))


NOTES: dict[str, Note] = {
    "sum-not-mean": _note(
        "The loss is a sum over all samples and outputs, one number: no mean, no half, no root. Its gradient has no"
        " such factor either.",
        "mean-over-elements mean-over-batch mean-over-outputs half-loss half-mean loss-averaged-gradient-summed"
        " norm-not-squared square-of-sum absolute-error huber-loss gradient-averaged-loss-summed"
        " gradient-of-last-sample target-added targets-off-by-one-row first-output-only loss-not-reduced"
        " loss-keeps-axes",
    ),
    "factor": _note(
        "A gradient is off by a factor or a sign: g = 2 (y_pred - y), met once by each gradient.",
        "missing-factor-2 factor-2-twice gradient-sign-flipped residual-squared-in-gradient"
        " first-layer-gradient-doubled w2-gradient-halved b2-gradient-halved w1-gradient-sign-flipped"
        " rate-inside-gradient gradients-normalised loss-scale-left-in",
    ),
    "bias": _note(
        "A bias is left out, added twice, or added in the wrong place: h = x w1 + b1, y_pred = a w2 + b2.",
        "b1-missing b2-missing b1-added-twice b1-subtracted bias-after-activation first-bias-for-all-units",
    ),
    "bias-gradient": _note(
        "The gradient of a bias is the sum over the batch, one entry a unit, and b1's is masked as w1's is.",
        "bias-gradient-not-summed bias-gradient-as-row bias-gradient-along-wrong-axis bias-gradient-averaged"
        " bias-gradient-of-last-sample bias-gradient-zero b1-gradient-unmasked b2-gradient-summed-over-outputs",
    ),
    "relu": _note(
        "The activation is max(h, 0), of the hidden layer and of nothing else.",
        "relu-missing relu-missing-in-forward leaky-relu absolute-value-for-relu softplus-for-relu elu-for-relu"
        " tanh-for-relu relu-on-prediction dropout-left-on inputs-standardised",
    ),
    "mask": _note(
        "The gradient passes a unit of a sample where its own h, bias included, is positive, and nowhere else.",
        "mask-missing mask-from-activation mask-inverted mask-from-gradient mask-before-bias mask-of-previous-sample"
        " mask-of-previous-unit mask-of-whole-unit mask-times-activation leaky-gradient h-for-a-in-w2-gradient",
    ),
    "no-relu": _note(
        "This network has no ReLU: a = h, and nothing is masked.",
        "relu-in-identity-network activation-not-passed-on",
    ),
    "wiring": _note(
        "A gradient is made of the wrong arrays, or handed over in the wrong place: gw1 = x^T gh, gw2 = a^T g, in the"
        " order w1, b1, w2, b2.",
        "prediction-for-g-in-w2-gradient a-for-x-in-w1-gradient first-layer-detached gradients-out-of-order"
        " w1-gradient-transposed fan-in-in-gradient",
    ),
    "inexact-sum": _note(
        "Every partial sum is representable here, so each right program returns this one number. A near miss is reduced"
        " precision: operands rounded to fewer bits, or sums kept in a smaller format.",
        "tf32-operands float16-operands bfloat16-operands bfloat16-weights bfloat16-accumulation float16-accumulation"
        " tf32-in-backward-pass float16-prediction float16-gradients float32-inside float32-accumulation",
    ),
    "precision": _note(
        "The result has fewer right digits than the format gives: something inside is rounded to a smaller format or to"
        " whole numbers.",
        "float32-inside float32-accumulation float16-operands bfloat16-operands tf32-operands tf32-in-backward-pass"
        " bfloat16-in-forward-pass bfloat16-weights float16-accumulation bfloat16-accumulation float16-prediction"
        " float16-gradients float16-loss inputs-truncated-to-integers noise-in-gradient",
    ),
    "cancellation": _note(
        "The residuals are far smaller than the prediction: the loss as sum p^2 - 2 sum p y + sum y^2 has no digits"
        " left, and a mask or a loss that is right elsewhere may be off.",
        "square-expanded float32-prediction-for-float64 float16-prediction",
    ),
    "large-values": _note(
        "Large numbers are cut off, clipped, or leave the range of a smaller format inside.",
        "relu6 prediction-clamped loss-capped gradients-clipped-by-value gradients-clipped-by-norm float16-operands"
        " tanh-for-relu",
    ),
    "small-values": _note(
        "Small numbers are dropped, or rounded to a fixed number of decimal or binary places, or something is added to"
        " keep away from 0.",
        "small-gradients-dropped small-activations-dropped mask-by-isclose fixed-point"
        " prediction-rounded-to-six-decimals epsilon-in-loss",
    ),
    "underflow": _note(
        "Numbers near and below the smallest normal one: flushing to zero is right, and the interval holds it."
        " What lies outside is another fault, such as a number added to keep away from 0, or values that go astray.",
        "epsilon-in-loss softplus-for-relu b1-missing",
    ),
    "kink": _note(
        "h is exactly 0 here, where any slope of the ReLU in [0, 1] is right, for each unit and sample by itself. The"
        " interval has all of them: outside it the slope is another one, or NaN.",
        "nan-at-kink slope-2-at-kink slope-below-0-at-kink",
    ),
    "threshold": _note(
        "h is near 0 and certainly not 0: the mask or the activation compares with something other than 0.",
        "mask-threshold-above-zero mask-threshold-below-zero mask-by-isclose small-activations-dropped",
    ),
    "empty-batch": _note(
        "N = 0: the prediction is empty, the loss and the gradients are 0, and a step changes nothing. A mean over no"
        " samples is 0/0.",
        "empty-batch-refused empty-batch-nan",
    ),
    "size-1": _note(
        "Some sizes are 1: an axis is squeezed away, or a shape that was not meant is broadcast.",
        "prediction-squeezed batch-of-one-flattened flat-prediction-broadcast gradients-squeezed"
        " last-row-of-odd-batch-lost padding-counted",
    ),
    "equal-sizes": _note(
        "Some sizes are equal, so that a matrix that is transposed, or taken for another one, still fits.",
        "weights-transposed w2-not-transposed-where-square input-transposed-where-square biases-swapped"
        " bias-gradients-swapped weight-gradients-swapped first-layer-weights-used-twice bias-added-down-the-batch"
        " mask-transposed-where-square prediction-transposed",
    ),
    "tile-end": _note(
        "One size is near a multiple of 8: the rest of a loop over tiles is left out, taken twice, or a buffer of fixed"
        " size is too small.",
        "rest-of-4-columns-lost rest-of-8-terms-lost rest-of-16-rows-lost rest-of-32-terms-lost rest-of-64-columns-lost"
        " first-32-samples-only last-block-twice last-row-of-odd-batch-lost padding-counted mean-over-shards"
        " uneven-shards-averaged",
    ),
    "update": _note(
        "The update is p - lr g, for each parameter, and nothing else.",
        "update-sign-flipped rate-squared rate-missing rate-in-float16 increments-returned biases-not-updated"
        " first-layer-not-updated bias-gradient-summed-again weight-decay adam-for-descent weights-clipped"
        " parameters-stored-in-bfloat16 rate-decays-by-call update-every-other-call every-tenth-update-lost",
    ),
    "zero-rate": _note("With a rate of 0 nothing changes.", "zero-rate-replaced"),
    "step-order": _note(
        "All four gradients of a step are those at the parameters given, and a step is one step.",
        "w1-gradient-with-updated-w2 parameters-updated-one-by-one two-steps-in-one l2-penalty",
    ),
    "memory": _note(
        "The same vectors pass one by one, and fail in this order: something is remembered from one call to the next.",
        "momentum-left-on gradients-not-reset own-parameters hidden-layer-of-last-forward w2-one-call-late"
        " prediction-one-call-late prediction-cached-by-shape",
    ),
    "nan-lost": _note(
        "A NaN in the data does not reach a result that depends on it: broken data then go unseen.",
        "nan-targets-ignored batch-with-nan-skipped scaled-by-largest-residual",
    ),
    "nan-spreads": _note(
        "A NaN in the data reaches a result that does not depend on it: samples, or outputs, meet where they should"
        " not.",
        "nan-spreads-over-batch",
    ),
    "nan-at-relu": _note(
        "The ReLU turns NaN into 0, as fmax does and `where(h > 0, h, 0)`. Compiled code in wide use does it, hence"
        " SHOULD.",
        "prediction-nan-to-num",
    ),
    "overflow": _note(
        "The result is beyond the largest number of the format, and a finite one is returned in its place.",
        "overflow-clamped prediction-clamped loss-capped prediction-nan-to-num",
    ),
    "full-size": _note(
        "A network of real size. In float32 a fault below some percent can hide in sums as long as these: see the group"
        " of whole numbers, where it cannot.",
        "first-512-features-only mean-over-batch missing-factor-2 mask-missing first-32-samples-only",
    ),
}
