"""The vectors: as they are written, whom they refuse, and whom they do not."""

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import numpy as np
import pytest
import vector_reader
from implementations.checking import missing
from test_right import FRAMEWORKS, NUMPY, target
from vector_reader import FOLDER, NAMES, Array, Failure, array, document, failures, shapes, vectors

from refnet import faults, specification
from refnet.conformance import implementation, load
from refnet.faults import Fault
from refnet.rounding import FLOAT32
from refnet.vectors import FAMILIES, Family, family_files
from refnet.vectors.decimals import shortest
from refnet.vectors.flags import NOTES
from refnet.vectors.folder import first_difference, held
from refnet.vectors.writing import PAGES

SCHEMA = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))

# What no list of calls and values can show: how arguments lie in memory, what is written to, of which type a result is.
UNSEEN = {fault.name for fault in faults.CATALOGUE.values() if fault.family == "layout"} | {
    "float64-prediction-for-float32",
    "float64-gradients-for-float32",
    "float64-loss-for-float32",
    "update-in-float64",
    "update-in-place",
    "target-overwritten",
    "input-overwritten",
    "weight-left-perturbed",
    "gradients-overwritten",
    "parameters-returned-at-rate-0",
    "prediction-in-shared-buffer",
}


def groups() -> Iterator[tuple[Any, Any]]:
    for name in NAMES:
        family = document(name)
        for group in family["groups"]:
            yield family, group


# The files


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
def test_the_files_are_what_refnet_writes(family: Family) -> None:
    for name, content in family_files(family).items():
        assert (FOLDER / name).read_bytes() == content, f"{name}: run `refnet vectors spec/vectors`"


def test_there_is_no_other_file() -> None:
    raw = {name for family, _ in groups() for name in family["files"]}
    assert held(FOLDER) == {*PAGES, *NAMES, *raw}
    assert tuple(family.file for family in FAMILIES) == NAMES


def test_all_are_below_twelve_megabytes() -> None:
    assert sum((FOLDER / name).stat().st_size for name in held(FOLDER)) < 12e6


@pytest.mark.parametrize("name", NAMES)
def test_the_files_hold_to_the_schema(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(document(name))


def test_the_schema_allows_nothing_that_it_does_not_name() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def objects(part: Any) -> Iterator[Any]:
        if isinstance(part, dict):
            if "properties" in part and "required" in part:
                yield part
            for inner in part.values():
                yield from objects(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from objects(inner)

    found = list(objects(SCHEMA))
    assert len(found) > 10
    for part in found:
        assert part["additionalProperties"] is False
        assert set(part["required"]) == set(part["properties"])


MUTATIONS: dict[str, Any] = {
    "a key too many": lambda d: d.update(more=1),
    "a key too few": lambda d: d.pop("licence"),
    "another version": lambda d: d.update(version=2),
    "an unknown operation": lambda d: d["groups"][0]["vectors"][0].update(op="backward"),
    "a level that is no level": lambda d: d["groups"][0]["vectors"][0].update(level="MAY"),
    "an input too many": lambda d: d["groups"][0]["vectors"][0]["inputs"].update(y=[[1]]),
    "an input too few": lambda d: d["groups"][0]["vectors"][1]["inputs"].pop("y"),
    "a result of another operation": lambda d: d["groups"][0]["vectors"][0].update(result={"loss": 1}),
    "an end that is a list too flat": lambda d: d["groups"][0]["vectors"][0]["low"].update(y_pred=[1]),
    "an end that is no number": lambda d: d["groups"][0]["vectors"][0]["low"].update(y_pred=[["about 3"]]),
    "an end at infinity": lambda d: d["groups"][0]["vectors"][0]["low"].update(y_pred=[["-Infinity"]]),
    "a parameter too few": lambda d: d["groups"][0]["params"].pop("b1"),
    "an unknown format": lambda d: d["groups"][0].update(format="float8"),
    "a vector without a flag": lambda d: d["groups"][0]["vectors"][0].update(flags=[]),
    "a negative size": lambda d: d["groups"][0]["sizes"].update(N=-1),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_schema_refuses(mutation: str) -> None:
    changed = copy.deepcopy(document("01-tiny.json"))
    jsonschema.Draft202012Validator(SCHEMA).validate(changed)
    MUTATIONS[mutation](changed)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(changed)


def test_a_change_of_one_digit_is_found(tmp_path: Any) -> None:
    (tiny,) = (family for family in FAMILIES if family.name == "tiny")
    written = family_files(tiny)
    content = written[tiny.file]
    (tmp_path / tiny.file).write_bytes(content)
    assert first_difference(tmp_path, written.items()) == ""
    for at in (content.index(b"8.25"), content.rindex(b"}"), len(content) - 1):
        (tmp_path / tiny.file).write_bytes(content[:at] + b"9" + content[at + 1 :])
        line = content[:at].count(b"\n") + 1
        assert first_difference(tmp_path, written.items()).startswith(f"{tiny.file}, line {line}: has '")


# What the schema cannot say


@pytest.mark.parametrize("name", NAMES)
def test_the_counts_are_right(name: str) -> None:
    family = document(name)
    said = [vector for group in family["groups"] for vector in group["vectors"]]
    assert family["counts"] == {
        "groups": len(family["groups"]),
        "vectors": len(said),
        "components": sum(low.size for read in vectors(name) for low in read.low.values()),
    }
    ids = [group["id"] for group in family["groups"]] + [vector["id"] for vector in said]
    assert not [key for key, count in Counter(ids).items() if count > 1]
    assert family["source"]["specification"] == specification.version()
    assert set(family["notes"]) == {flag for vector in said for flag in vector["flags"]}


def test_a_raw_file_is_what_the_json_says() -> None:
    used = set()
    for family, group in groups():
        places = [group["params"], *(v[key] for v in group["vectors"] for key in ("inputs", "result", "low", "high"))]
        for place in places:
            for name, value in place.items():
                if isinstance(value, dict) and "file" in value:
                    used.add(value["file"])
                    said = family["files"][value["file"]]
                    content = (FOLDER / value["file"]).read_bytes()
                    assert said["bytes"] == len(content) == np.dtype(said["dtype"]).itemsize * np.prod(said["shape"])
                    assert said["sha256"] == hashlib.sha256(content).hexdigest()
                    assert tuple(said["shape"]) == shapes(group)[name]
                    assert said["dtype"] == group["format"]
    assert used == {name for family, _ in groups() for name in family["files"]}


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        yield from (number for part in value.values() for number in _numbers(part))
    elif isinstance(value, list):
        yield from (number for part in value for number in _numbers(part))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def test_every_number_is_one_of_the_format() -> None:
    for _, group in groups():
        said = [
            group["params"],
            *({key: v[key] for key in ("inputs", "result", "low", "high")} for v in group["vectors"]),
        ]
        numbers = np.array(list(_numbers(said)))
        assert np.isfinite(numbers).all()
        if group["format"] == "float32":
            texts = [shortest(float(number), FLOAT32) for number in numbers.astype(np.float32)]
            assert [float(text) for text in texts] == numbers.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_the_result_lies_in_its_interval(name: str) -> None:
    family = document(name)
    for group in family["groups"]:
        for vector in group["vectors"]:
            for key, value in vector["result"].items():
                result, low, high = (
                    array(family, group, key, v) for v in (value, vector["low"][key], vector["high"][key])
                )
                if result.dtype != object:
                    assert (low <= high).all()
                    assert vector_reader.right(result, low, high).all(), (vector["id"], key)


def test_on_a_lattice_an_interval_is_one_number() -> None:
    flagged = [read for name in NAMES for read in vectors(name) if "inexact-sum" in read.said["flags"]]
    assert len(flagged) > 40
    for read in flagged:
        assert read.said["level"] == "SHOULD"
        assert all(np.array_equal(read.low[key], read.high[key]) for key in read.low)


def test_at_a_kink_the_interval_has_the_slopes_from_0_to_1_and_little_more() -> None:
    one = next(read for read in vectors("06-kinks.json") if read.said["op"] == "grads")  # ga = 16, x = 2
    u = 2.0**-53
    for name, top in (("grads.w1", 32), ("grads.b1", 16)):
        low, high = float(read_one(one.low[name])), float(read_one(one.high[name]))
        assert -64 * u * top < low < 0
        assert top < high < top * (1 + 64 * u)


def read_one(array: Array) -> Array:
    assert array.size == 1
    return array.ravel()[0]  # type: ignore[no-any-return]  # of a dtype that is not known here


def test_each_clause_is_one_of_the_specification_and_of_its_level() -> None:
    clauses = specification.clauses()
    for name in NAMES:
        for read in vectors(name):
            levels = {clauses[clause].level for clause in read.said["clauses"]}
            assert levels == {read.said["level"]}, read.said["id"]


# Whom they refuse


@cache
def failed(name: str) -> tuple[Failure, ...]:
    """Return all vectors that a listed fault fails, in the order of the files, its state that of a first run."""
    return tuple(failures(implementation(faults.named(name).make(), name=name)))


def refused_for(fault: Fault, flags: set[str]) -> set[str]:
    """Return those of the flags with which a vector refuses the fault; no more is run than that takes."""
    left = set(flags)
    net = implementation(fault.make(), name=fault.name)
    for found in failures(net):
        left -= set(found.vector["flags"])
        if not left:
            break
    return flags - left


@pytest.mark.parametrize("name", [name for name in faults.CATALOGUE if name not in UNSEEN])
def test_a_fault_fails_a_vector_of_every_flag_that_names_it(name: str) -> None:
    flags = {flag for flag, note in NOTES.items() if name in note.faults}
    assert flags, f"{name} is in no note: name it in one, or say that vectors cannot show it"
    assert refused_for(faults.named(name), flags) == flags


@pytest.mark.parametrize("name", sorted(UNSEEN))
def test_what_vectors_cannot_show_they_do_not_refuse(name: str) -> None:
    small = [file for file in NAMES if "full-size" not in file]
    assert not list(failures(implementation(faults.named(name).make(), name=name), small))
    assert not [flag for flag, note in NOTES.items() if name in note.faults]


def test_every_flag_is_used_and_every_family_refuses_something() -> None:
    used = {flag for name in NAMES for flag in document(name)["notes"]}
    assert used == set(NOTES)
    for name in NAMES:  # with the test above: each of these notes has a fault that is refused
        assert document(name)["notes"]


def test_the_page_says_how_many_faults_are_refused() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"{len(faults.CATALOGUE) - len(UNSEEN)} of the {len(faults.CATALOGUE)}" in page


def test_a_family_refuses_faults_by_itself() -> None:
    # Mistakes that everybody makes, and the family that is there for them.
    for name, file in (
        ("missing-factor-2", "01-tiny.json"),
        ("tf32-operands", "02-lattice.json"),
        ("float32-inside", "03-rounding.json"),
        ("relu6", "04-exponents.json"),
        ("epsilon-in-loss", "05-subnormals.json"),
        ("slope-2-at-kink", "06-kinks.json"),
        ("rest-of-8-terms-lost", "07-edges.json"),
        ("rate-missing", "08-steps.json"),
        ("nan-targets-ignored", "09-special.json"),
        ("first-512-features-only", "10-full-size.json"),
    ):
        net = implementation(faults.named(name).make(), name=name)
        assert list(failures(net, [file])), (name, file)


# Whom they do not refuse

FEW = ("01-tiny.json", "06-kinks.json", "09-special.json")  # for those that compile each shape anew, or are slow
WARNED = {
    "compiled_habits": {"SPECIAL-4"},  # fmax drops a NaN
    "large_products_in_tf32": {"LOSS-3"},  # at the full size
    "casadi_symbols": {"SPECIAL-4"},  # as compiled_habits
    "jax_pytree:compiled": {"SPECIAL-4"},
}
IN_OTHER_FORMATS = ("numpy_half", "bfloat16_storage", "tf32", "torch_half")  # for which there are no vectors


@pytest.mark.parametrize("name", [name for name in (*NUMPY, *FRAMEWORKS) if name not in IN_OTHER_FORMATS])
def test_a_right_implementation_passes(name: str) -> None:
    needs = (NUMPY | FRAMEWORKS)[name].needs
    if missing(*needs.split()):
        pytest.skip(f"{needs} is not installed: pip install 'refnet[frameworks]' to try {name} too")
    found = list(failures(load(target(name)), FEW if needs not in ("", "torch", "autograd") else NAMES))
    assert not [failure for failure in found if failure.vector["level"] == "MUST"]
    warned = {clause for failure in found for clause in failure.vector["clauses"]}
    assert warned == WARNED.get(name, set()), found


@pytest.mark.parametrize("target", ["refnet", "refnet.seed"])
def test_the_reference_passes(target: str) -> None:
    assert not list(failures(load(target)))
