"""The messages of the protocol: numbers travel bit for bit, and each bad message is refused with its reason."""

import contextlib
import dataclasses
import json
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import jsonschema
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import refnet
from refnet.adapters import messages
from refnet.adapters.messages import LineError, ProgramError, described, message, request, result, written
from refnet.conformance import generate
from refnet.conformance.target import ARGUMENTS, OPERATIONS, arguments
from refnet.formats import ACCUMULATE, OPERANDS, Dtype, Precision
from refnet.judgement import ResultError
from refnet.network import Activation, Params

SPEC = Path(__file__).parents[1] / "spec"
SCHEMA: dict[str, Any] = json.loads((SPEC / "protocol.schema.json").read_text(encoding="utf-8"))
DTYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))


def answer_to(operation: str, text: str, shapes: dict[str, tuple[int, ...]], dtype: Any = np.float64) -> Any:
    return result(operation, message(text.encode()), shapes, np.dtype(dtype))


def read_back(array: NDArray[Any]) -> NDArray[Any]:
    """What comes back of an array that travels there and back."""
    back: NDArray[Any] = answer_to("forward", f'{{"y_pred": {written(array)}}}', {"y_pred": array.shape}, array.dtype)
    return back


def assert_same_bits(array: NDArray[Any], again: NDArray[Any]) -> None:
    assert (again.shape, again.dtype) == (array.shape, array.dtype)
    assert np.array_equal(np.isnan(again), np.isnan(array))
    assert np.nan_to_num(again, nan=0.5).tobytes() == np.nan_to_num(array, nan=0.5).tobytes()


def nearest_float32(digits: str) -> np.float32:
    """The float32 that is nearest to the digits, by exact arithmetic alone."""
    value = Fraction(digits)
    with np.errstate(all="ignore"):
        start = np.float32(float(value))
        around = (np.nextafter(start, np.float32(-np.inf)), start, np.nextafter(start, np.float32(np.inf)))

    def off(number: np.float32) -> tuple[Fraction, int]:
        return abs(Fraction(float(number)) - value), int(number.view(np.uint32)) & 1  # a tie goes to the even one

    return min(filter(np.isfinite, around), key=off)


# Numbers.


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=5))
    )
)
@example(np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]], np.float32))
@example(np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]]))
@example(np.array([5e-324, 2.0**-1074 * 3, 2.0**-1022, 1.7976931348623157e308, 0.1]))
@example(np.array([1e-45, 2.0**-149 * 3, 2.0**-126, 3.4028235e38, 0.1], np.float32))
@example(np.array([363742205], np.uint32).view(np.float32))  # its few digits, read as float64, round to its neighbour
@example(np.zeros((0, 4), np.float32))
@example(np.zeros((4, 0)))
def test_every_array_travels_bit_for_bit(array: NDArray[Any]) -> None:
    assert_same_bits(array, read_back(array))


@given(hnp.arrays(np.uint32, 40), hnp.arrays(np.uint64, 40))
def test_every_pattern_of_bits_travels(single: NDArray[Any], double: NDArray[Any]) -> None:
    assert_same_bits(single.view(np.float32), read_back(single.view(np.float32)))
    assert_same_bits(double.view(np.float64), read_back(double.view(np.float64)))


@given(hnp.arrays(np.uint32, 40))
@example(np.array([363742205], np.uint32))
def test_a_float32_is_read_alike_directly_and_by_way_of_float64(bits: NDArray[Any]) -> None:
    for number in filter(np.isfinite, bits.view(np.float32)):
        digits = written(np.asarray(number))
        assert nearest_float32(digits) == number
        assert np.float32(float(digits)) == number
        by_way_of_float64 = np.float32(float(str(number))) == number
        assert digits == (str(number) if by_way_of_float64 else repr(float(number)))


@given(st.floats(width=64, allow_nan=False, allow_infinity=False))
def test_a_float64_has_as_few_digits_as_python_gives_it(number: float) -> None:
    assert written(np.asarray(number)) == repr(number)


def test_numbers_are_written_as_the_page_says() -> None:
    assert written(np.array([0.1, -0.0, 3.0], np.float32)) == "[0.1, -0.0, 3.0]"
    assert written(np.array([[np.nan], [np.inf], [-np.inf]])) == '[["NaN"], ["Infinity"], ["-Infinity"]]'
    assert written(np.zeros((0, 3))) == "[]"
    assert written(np.zeros((2, 0))) == "[[], []]"


@given(
    st.integers(0, 2**31 - 2**23 - 2).map(lambda bits: np.array([bits], np.uint32).view(np.float32)[0]),
    st.sampled_from(("", "0", "1", "0" * 30 + "1")),
    st.sampled_from((-1, 0, 1)),
)
@example(np.float32(16777216), "0" * 30 + "1", 0)
@example(np.float32(0), "1", 0)
@example(np.float32(1e-45), "", -1)
def test_digits_near_the_middle_of_two_float32_go_to_the_nearer_one(number: np.float32, more: str, sign: int) -> None:
    other = np.nextafter(number, np.float32(np.inf))
    middle = (Fraction(float(number)) + Fraction(float(other))) / 2
    near = middle + sign * Fraction(1, 10**200)
    digits = decimal(near) + more
    assert answer_to("loss", f'{{"loss": {digits}}}', {"loss": ()}, np.float32) == nearest_float32(digits)


def decimal(value: Fraction) -> str:
    """The value in full: its denominator divides that power of ten."""
    whole, part = divmod(value, 1)
    digits = part * 10**250
    assert digits.denominator == 1
    return f"{whole}.{digits.numerator:0250d}"


@pytest.mark.parametrize("digits", ["1e999", "-1e999", "9" * 400, f"1{'0' * 1_000_000}"])
def test_a_number_beyond_float64_is_refused_in_every_format(digits: str) -> None:
    for dtype in DTYPES:
        with pytest.raises(LineError, match=r'is beyond the largest float64: write "Infinity", with the quotes$'):
            answer_to("loss", f'{{"loss": {digits}}}', {"loss": ()}, dtype)


def test_a_number_beyond_float32_is_refused_in_float32() -> None:
    assert answer_to("loss", '{"loss": 3.40282347e+38}', {"loss": ()}, np.float32) == np.finfo(np.float32).max
    assert answer_to("loss", '{"loss": 1e39}', {"loss": ()}) == 1e39
    with pytest.raises(ResultError) as caught:
        answer_to("forward", '{"y_pred": [[1, -1e39]]}', {"y_pred": (1, 2)}, np.float32)
    assert str(caught.value) == (
        'forward.y_pred has -1e+39, beyond the largest float32, 3.40282347e+38: write "Infinity"'
    )


# Requests.


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 1), (0, 3, 2, 1), (1, 1, 1, 1)])
def test_a_request_has_the_keys_of_the_schema_in_its_order_and_every_argument(
    operation: str, dtype: Any, shape: tuple[int, int, int, int]
) -> None:
    problem = generate("wide", shape, dtype, "identity", 3)
    asked = json.loads(request(operation, *arguments(operation, problem), activation="identity"))
    assert complaints("request", asked) == []
    assert list(asked) == list(SCHEMA["$defs"][f"ask_{operation}"]["properties"])
    assert (asked["op"], asked["activation"], asked["dtype"]) == (operation, "identity", dtype)
    sizes = dict(zip("ndho", shape, strict=True))
    assert {key: asked[key] for key in sizes if key in asked} == {k: v for k, v in sizes.items() if k in asked}
    arrays = dict(problem.params._asdict(), x=problem.x, y=problem.y, lr=np.asarray(problem.lr))
    arrays |= {f"g{key}": g for key, g in problem.grads._asdict().items()}
    for key in set(asked) - {"op", "activation", "dtype", *"ndho"}:
        again = np.array(asked[key], np.float64).astype(dtype).reshape(arrays[key].shape)
        assert_same_bits(arrays[key].astype(dtype), again)
    needed = {"x": "x", "y": "y", "lr": "lr", "grads": "gw1"}
    assert all(needed[name] in asked for name in ARGUMENTS[operation] if name != "params")


def test_a_rate_has_the_digits_of_its_format_where_that_holds_it() -> None:
    problem = generate("normal", (1, 1, 1, 1), "float32", "relu", 0)
    for lr, digits in ((float(np.float32(0.1)), "0.1"), (0.1, "0.1"), (1 / 3, repr(1 / 3)), (1e-50, "1e-50")):
        line = request("update", problem.params, problem.grads, lr, activation="relu")
        assert line.endswith(f'"lr": {digits}}}')


def test_what_does_not_fit_is_sent_as_it_is() -> None:
    problem = generate("normal", (2, 1, 2, 1), "float64", "relu", 0)
    as_rows = problem.params._replace(b1=problem.params.b1.reshape(1, -1), b2=problem.params.b2.reshape(1, -1))
    for params, x, y in (
        (problem.params, problem.x, problem.y[:, 0]),
        (problem.params, problem.x, problem.y[:1]),
        (problem.params, np.hstack([problem.x, problem.x]), problem.y),
        (as_rows, problem.x, problem.y),
    ):
        asked = json.loads(request("loss", params, x, y, activation="relu"))
        assert complaints("request", asked) == []
        assert (asked["x"], asked["y"], asked["b1"]) == (x.tolist(), y.tolist(), params.b1.tolist())


# Lines.


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "'' is not JSON (Expecting value at character 0): write one JSON object a line, and anything else to st"),
        (b"hello", "'hello' is not JSON (Expecting value at character 0)"),
        (b'x = 3 {"loss": 1.5}', """'x = 3 {"loss": 1.5}' is not JSON (Expecting value at character 0)"""),
        (b'{"loss": 1.5', """'{"loss": 1.5' is not JSON (Expecting ',' delimiter at character 12)"""),
        (b'{"loss": 1.5} {}', "is not JSON (Extra data at character 14)"),
        (b'{"loss": .5}', "is not JSON (Expecting value"),
        (b'{"loss": 0x1p3}', "is not JSON (Expecting ',' delimiter"),
        (b'{"loss": nan}', "is not JSON (Expecting value"),
        (b'{"loss": NaN}', 'it has the bare word NaN, which JSON does not have: write "NaN", with the quotes'),
        (b'{"y_pred": [[-Infinity]]}', "it has the bare word -Infinity, which"),
        (b'{"w1": [], "b1": [], "w1": []}', "it has the key 'w1' twice: write each once"),
        (b'{"y_pred": "\xff"}', "is not UTF-8 (byte 12): write JSON in UTF-8 or ASCII"),
        ('{"loss": 1}'.encode("utf-16"), "is not UTF-8 (byte 0)"),
        (b'\xef\xbb\xbf{"loss": 1}', "is not JSON (Unexpected UTF-8 BOM"),
        (b"\x00\x01", r"""'\x00\x01' is not JSON"""),
        (b"[" * 100_000 + b"]" * 100_000, "is nested too deeply: no array has more than two levels"),
        (b'{"y_pred":' * 100_000, "is nested too deeply"),
        (b"1.5", """'1.5' is the number '1.5', expected a JSON object, such as {"loss": 1.5}"""),
        (b"[1.5, 2]", "is a list of 2, expected a JSON object"),
        (b"null", "'null' is null, expected a JSON object"),
        (b"true", "is true, expected a JSON object"),
        (b'"loss"', "is the string 'loss', expected a JSON object"),
    ],
)
def test_a_line_that_is_no_message_is_refused_with_its_reason(line: bytes, why: str) -> None:
    with pytest.raises(LineError) as caught:
        message(line)
    assert why in str(caught.value)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_line_is_a_message_or_refused(line: bytes) -> None:
    with contextlib.suppress(LineError):
        assert isinstance(message(line), dict)


def test_a_number_of_very_many_digits_is_a_number() -> None:
    assert sys.get_int_max_str_digits() < 100_000  # which Python's own reader would stop at
    number = "0." + "1" * 100_000
    assert answer_to("loss", f'{{"loss": {number}}}', {"loss": ()}) == 1 / 9
    assert answer_to("loss", '{"loss": -0}', {"loss": ()}).tobytes() == np.float64(-0.0).tobytes()


# Answers.

SHAPES = {"w1": (2, 1), "b1": (1,), "w2": (1, 1), "b2": (1,)}
FOUR = {"w1": [[1], [2]], "b1": [3], "w2": [[4]], "b2": [5]}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"w1": [[1, 2], [3, 4]]}, "grads.w1[0] has 2 numbers, expected 1"),
        ({"w1": [[1], [2, 3]]}, "grads.w1[1] has 2 numbers, expected 1"),
        ({"w1": [[1]]}, "grads.w1 has 1 rows, expected 2"),
        ({"w1": [1, 2]}, "grads.w1[0] is the number '1', expected a list of 1 numbers"),
        (
            {"w1": [[[1]], [[2]]]},
            'grads.w1[0][0] is a list of 1, expected a number, or "NaN", "Infinity" or "-Infinity"',
        ),
        ({"w1": []}, "grads.w1 has 0 rows, expected 2"),
        ({"w1": None}, "grads.w1 is null, expected a list of 2 rows"),
        ({"b1": [[3]]}, "grads.b1[0] is a list of 1, expected a number"),
        ({"b1": 3}, "grads.b1 is the number '3', expected a list of 1 numbers"),
        ({"b1": [True]}, "grads.b1[0] is true, expected a number"),
        ({"b1": [None]}, "grads.b1[0] is null, expected a number"),
        ({"b1": ["3.5"]}, "grads.b1[0] is the string '3.5', expected a number"),
        ({"b1": ["nan"]}, """grads.b1[0] is the string 'nan', expected a number, or "NaN\""""),
        ({"b1": ["inf"]}, "grads.b1[0] is the string 'inf'"),
        ({"b1": [{}]}, "grads.b1[0] is an object"),
        ({"b1": {"0": 3}}, "grads.b1 is an object, expected a list"),
        ({"w3": [1]}, "grads cannot be read: the answer to grads has 'w3' too, expected w1, b1, w2, b2 and nothing el"),
        ({"b2": ...}, "grads cannot be read: the answer to grads lacks b2, expected"),
        ({"b2": ..., "B2": [5]}, "grads cannot be read: the answer to grads lacks b2 and has 'B2' too"),
        (
            {"error": "no"},
            "grads cannot be read: the answer to a request that cannot be met has 'w1', 'b1', 'w2', 'b2' t",
        ),
    ],
)
def test_an_answer_that_is_no_result_is_refused_at_its_place(changed: dict[str, Any], why: str) -> None:
    text = json.dumps({key: value for key, value in (FOUR | changed).items() if value is not ...})
    with pytest.raises(ResultError) as caught:
        answer_to("grads", text, SHAPES)
    assert str(caught.value).startswith(why)
    assert caught.value.operation == "grads"


def test_a_right_answer_is_its_arrays() -> None:
    found = answer_to("grads", json.dumps(FOUR), SHAPES, np.float32)
    assert {key: array.tolist() for key, array in found.items()} == FOUR
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    assert answer_to("forward", '{"y_pred": []}', {"y_pred": (0, 3)}).shape == (0, 3)
    assert np.isnan(answer_to("loss", '{"loss": "NaN"}', {"loss": ()}))


def test_an_error_is_said_in_one_line_and_must_say_something() -> None:
    with pytest.raises(ProgramError, match=r"^no such thing$"):
        answer_to("loss", '{"error": "no\\n such  thing"}', {"loss": ()})
    for text, why in (('{"error": ""}', "''"), ('{"error": null}', "null"), ('{"error": 3}', "the number '3'")):
        with pytest.raises(
            ResultError, match=f"^loss cannot be read: error is (the string )?{re.escape(why)}, expected"
        ):
            answer_to("loss", text, {"loss": ()})


NET = {"name": "net", "operations": ["loss"], "activations": ["relu"], "dtypes": ["float32"]}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": ""}, "name is the string '', expected a word or two of what the program is"),
        ({"name": 3}, "name is the number '3', expected"),
        (
            {"operations": []},
            "operations is an empty list, expected a list of some of forward, loss, grads, update, step",
        ),
        ({"operations": "loss"}, "operations is the string 'loss', expected a list"),
        ({"operations": ["train"]}, "operations has the string 'train', expected a list"),
        ({"operations": [["loss"]]}, "operations has a list of 1, expected"),
        ({"operations": ["loss", "loss"]}, "operations has the string 'loss' twice, expected"),
        ({"activations": ["tanh"]}, "activations has the string 'tanh', expected a list of some of relu, identity"),
        (
            {"dtypes": ["fp8"]},
            "dtypes has the string 'fp8', expected a list of some of float16, bfloat16, float32, float",
        ),
        ({"precisions": ["float16"]}, "precisions has the string 'float16', expected an object such as {\"storage\": "),
        ({"precisions": [{"storage": "fp8"}]}, "precisions cannot be read, expected an object such as"),
        ({"precisions": [{"storage": "float16", "sums": "float32"}]}, "precisions cannot be read, expected an object"),
        (
            {"dtypes": ...},
            "the answer to describe lacks dtypes, expected name, operations, activations, dtypes and noth",
        ),
        ({"version": 1}, "the answer to describe has 'version' too, expected"),
    ],
)
def test_a_description_that_says_nothing_known_is_refused(changed: dict[str, Any], why: str) -> None:
    found = {key: value for key, value in (NET | changed).items() if value is not ...}
    with pytest.raises(LineError) as caught:
        described(message(json.dumps(found).encode()))
    assert str(caught.value).startswith(why)


def test_a_description_may_say_how_it_computes() -> None:
    said = NET | {"dtypes": ["float16"], "precisions": [{"storage": "float16", "accumulate": "float32"}]}
    assert complaints("description", said) == []
    assert described(message(json.dumps(said).encode())).precisions == (Precision("float16", accumulate="float32"),)
    assert described(message(json.dumps(NET).encode())).precisions == ()


def test_an_error_in_answer_to_describe_is_told() -> None:
    with pytest.raises(LineError, match=r"^it answers describe with an error: no licence$"):
        described(message(b'{"error": "no licence"}'))


# The schema.


def complaints(part: str, document: object) -> list[str]:
    schema = {"$ref": f"#/$defs/{part}", "$defs": SCHEMA["$defs"]}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]


def test_the_schema_is_one_and_leaves_nothing_open() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    objects = [part for part in SCHEMA["$defs"].values() if part.get("type") == "object"]
    assert len(objects) == 12
    for part in objects:
        assert part["additionalProperties"] is False
        optional = ["precisions"] if "dtypes" in part["properties"] else ["operands", "accumulate"]
        assert part["required"] == [key for key in part["properties"] if key not in optional]
        assert all(described["description"].endswith(".") for described in part["properties"].values())


def test_the_schema_has_the_words_of_the_program() -> None:
    parts = SCHEMA["$defs"]
    assert parts["operation"]["enum"] == list(OPERATIONS)
    assert parts["activation"]["enum"] == list(get_args(Activation))
    assert parts["dtype"]["enum"] == list(get_args(Dtype))
    assert parts["number"]["oneOf"][1]["enum"] == list(messages.WORDS)
    assert list(parts["description"]["properties"]) == list(messages.Description._fields)
    assert list(parts["precision"]["properties"]) == [field.name for field in dataclasses.fields(Precision)]
    assert parts["precision"]["properties"]["operands"]["enum"] == list(OPERANDS)
    assert parts["precision"]["properties"]["accumulate"]["enum"] == list(ACCUMULATE)
    assert json.loads(messages.DESCRIBE) == {"op": parts["ask_describe"]["properties"]["op"]["const"]}


ANSWERED: dict[str, tuple[dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "forward": ({"y_pred": [[1.5], [2.0]]}, {"y_pred": (2, 1)}),
    "loss": ({"loss": 1.5}, {"loss": ()}),
    "grads": (FOUR, SHAPES),
}


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of the numbers in an answer."""
    if not isinstance(value, (dict, list)):
        return [at]
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return [place for key, part in parts for place in places(part, (*at, key))]


def with_value(found: dict[str, Any], at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(found))
    inner: Any = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return changed


@pytest.mark.parametrize("operation", ANSWERED)
@given(value=st.floats(-1e30, 1e30) | st.integers(-(10**30), 10**30) | st.sampled_from(list(messages.WORDS)))
def test_schema_and_program_take_the_same_numbers(operation: str, value: Any) -> None:
    found, shapes = ANSWERED[operation]
    for at in places(found):
        changed = with_value(found, at, value)
        assert complaints("answer", changed) == []
        answer_to(operation, json.dumps(changed), shapes, np.float32)


NO_NUMBERS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.text(max_size=9).filter(lambda word: word not in messages.WORDS) | st.just({})
)


@pytest.mark.parametrize("operation", ANSWERED)
@given(value=NO_NUMBERS)
def test_schema_and_program_refuse_the_same_values(operation: str, value: Any) -> None:
    found, shapes = ANSWERED[operation]
    for at in places(found):
        changed = with_value(found, at, value)
        assert complaints("answer", changed)
        with pytest.raises(ResultError):
            answer_to(operation, json.dumps(changed), shapes)


@pytest.mark.parametrize("operation", ANSWERED)
def test_schema_and_program_refuse_the_same_keys(operation: str) -> None:
    found, shapes = ANSWERED[operation]
    lacking = [{key: value for key, value in found.items() if key != gone} for gone in found]
    for changed in (*lacking, found | {"extra": 1}, found | {"error": "why"}):
        assert complaints("answer", changed)
        with pytest.raises(ResultError):
            answer_to(operation, json.dumps(changed), shapes)


@pytest.mark.parametrize("value", [None, 3, "", " ", ["why"], True])
def test_schema_and_program_refuse_the_same_errors_and_names(value: object) -> None:
    assert complaints("answer", {"error": value})
    assert complaints("answer", NET | {"name": value})
    with pytest.raises(ResultError):
        answer_to("loss", json.dumps({"error": value}), {"loss": ()})
    with pytest.raises(LineError):
        described(message(json.dumps(NET | {"name": value}).encode()))


# The page.


def dialogue() -> list[tuple[str, str]]:
    """The requests and answers of the page."""
    page = (SPEC / "protocol.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    lines = text.splitlines()
    assert {line[:2] for line in lines[::2]} == {"> "}
    assert {line[:2] for line in lines[1::2]} == {"< "}
    return [(asked[2:], said[2:]) for asked, said in zip(lines[::2], lines[1::2], strict=True)]


def test_the_dialogue_of_the_page_is_what_is_sent_and_what_is_right() -> None:
    seen = []
    for asked, said in dialogue():
        found, given_ = message(said.encode()), json.loads(asked)
        assert complaints("request", given_) == []
        assert complaints("answer", json.loads(said)) == []
        if given_["op"] == "describe":
            assert asked == messages.DESCRIBE
            assert described(found).operations == OPERATIONS
            continue
        sizes = {"x": (given_.get("n"), given_["d"]), "y": (-1, given_["o"])}
        arrays = {
            key: np.array(given_[key], np.float64).reshape(sizes.get(key, np.shape(given_[key])))
            for key in given_
            if key in sizes or key[-1] in "12"
        }
        params = Params(*(arrays[key] for key in Params._fields))
        problem = {"params": params, "x": arrays.get("x"), "y": arrays.get("y"), "lr": given_.get("lr")}
        if given_["op"] == "update":
            problem["grads"] = refnet.Grads(*(arrays[f"g{key}"] for key in Params._fields))
        given_to = [problem[name] for name in ARGUMENTS[given_["op"]]]
        assert asked == request(given_["op"], *given_to, activation="relu")
        seen.append(given_["op"])
        if "error" in found:
            with pytest.raises(refnet.ShapeError):
                getattr(refnet, given_["op"])(*given_to)
            continue
        right = reference(given_["op"], given_to)
        shapes = {key: part.shape for key, part in right.items()}
        answered = result(given_["op"], found, shapes, np.dtype(np.float64))
        for key, part in right.items():
            np.testing.assert_array_equal(answered if len(right) == 1 else answered[key], part)
    assert set(seen) == set(OPERATIONS)


def reference(operation: str, arguments: list[Any]) -> dict[str, NDArray[Any]]:
    if operation == "step":
        *pair, lr = arguments
        return refnet.update(pair[0], refnet.grads(*pair), lr)._asdict()
    right = getattr(refnet, operation)(*arguments)
    if operation in ("forward", "loss"):
        return {messages.ANSWERS[operation][0]: np.asarray(right)}
    four: dict[str, NDArray[Any]] = right._asdict()
    return four
