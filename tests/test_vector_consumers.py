"""Programs in C and JavaScript read the vectors: they pass a right network, and refuse a wrong one with a note."""

import shutil
import subprocess
from pathlib import Path

import pytest
from languages import compiled, node
from vector_reader import FOLDER, NAMES, document

CONSUMERS = Path(__file__).parent / "consumers"
TOTAL = sum(document(name)["counts"]["vectors"] for name in NAMES)


@pytest.fixture(scope="module")
def c_consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(CONSUMERS / "check_vectors.c", tmp_path_factory.mktemp("consumer") / "check_vectors")


def said(command: list[str]) -> tuple[int, str, str]:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout, run.stderr


def in_c(consumer: Path, *options: str, folder: Path = FOLDER) -> tuple[int, str, str]:
    return said([str(consumer), *options, *(str(folder / name) for name in NAMES)])


def in_javascript(*options: str, folder: Path = FOLDER) -> tuple[int, str, str]:
    return said([node(), str(CONSUMERS / "check_vectors.js"), *options, str(folder)])


def test_a_right_network_in_c_passes(c_consumer: Path) -> None:
    assert in_c(c_consumer) == (0, f"CONFORMS: 0 of {TOTAL} vectors fail, 0 more warn\n", "")


def test_a_right_network_in_javascript_passes() -> None:
    assert in_javascript() == (0, f"CONFORMS: 0 of {TOTAL} vectors fail, 0 more warn\n", "")


IN_C = (
    "b1-missing",
    "missing-factor-2",
    "mean-over-elements",
    "mask-missing",
    "slope-2-at-kink",
    "empty-batch-nan",
    "rate-missing",
    "float32-accumulation",
)
IN_JAVASCRIPT = (
    "b1-missing",
    "leaky-relu",
    "half-loss",
    "mask-missing",
    "mask-inverted",
    "bias-gradient-averaged",
    "update-sign-flipped",
)
VECTORS = {
    vector["id"]: (vector, document(name)["notes"])
    for name in NAMES
    for group in document(name)["groups"]
    for vector in group["vectors"]
}


def refused(result: tuple[int, str, str], mistake: str) -> None:
    """The verdict comes first; then the first vector that fails, with notes of which one names the mistake."""
    status, out, err = result
    assert (status, err) == (1, "")
    verdict, first, *rest = out.splitlines()
    assert verdict.startswith("DOES NOT CONFORM: ")
    assert f" of {TOTAL} vectors fail" in verdict
    word, key, *_ = first.split()
    vector, notes = VECTORS[key]
    assert word == {"MUST": "FAIL", "SHOULD": "WARN"}[vector["level"]]
    assert rest[: len(vector["flags"])] == [f"  {flag}: {notes[flag]['says']}" for flag in vector["flags"]]
    assert any(mistake in notes[flag]["faults"] for flag in vector["flags"]), first


@pytest.mark.parametrize("mistake", IN_C)
def test_a_wrong_network_in_c_is_refused(c_consumer: Path, mistake: str) -> None:
    refused(in_c(c_consumer, "--mistake", mistake), mistake)


@pytest.mark.parametrize("mistake", IN_JAVASCRIPT)
def test_a_wrong_network_in_javascript_is_refused(mistake: str) -> None:
    refused(in_javascript("--mistake", mistake), mistake)


def test_every_mistake_that_can_be_switched_on_is_tried() -> None:
    c = (CONSUMERS / "check_vectors.c").read_text(encoding="ascii")
    javascript = (CONSUMERS / "check_vectors.js").read_text(encoding="ascii")
    assert {part.partition('"')[0] for part in c.split('is("')[1:]} == set(IN_C)
    switched = {
        part.partition('"')[0] for mark in ('mistake === "', 'mistake !== "') for part in javascript.split(mark)[1:]
    }
    assert switched == set(IN_JAVASCRIPT)


def damaged(tmp_path: Path) -> Path:
    """Return a copy of the vectors with one byte of a raw array changed: the highest of a number."""
    folder = tmp_path / "vectors"
    shutil.copytree(FOLDER, folder)
    family = document(NAMES[-1])
    group = family["groups"][0]
    file = folder / group["vectors"][0]["inputs"]["x"]["file"]
    content = bytearray(file.read_bytes())
    content[7] ^= 0x40
    file.write_bytes(bytes(content))
    return folder


def test_the_raw_arrays_are_read(c_consumer: Path, tmp_path: Path) -> None:
    folder = damaged(tmp_path)
    for status, out, _ in (in_c(c_consumer, folder=folder), in_javascript(folder=folder)):
        assert status == 1
        assert "FAIL full-size-1-1 loss" in out


def test_a_folder_is_no_file_of_vectors(c_consumer: Path) -> None:
    done = subprocess.run([c_consumer, FOLDER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"check_vectors: {FOLDER}: cannot be read: name each file, not the folder\n"


def test_what_cannot_be_read_is_no_verdict(c_consumer: Path, tmp_path: Path) -> None:
    cut = tmp_path / "01-tiny.json"
    whole = (FOLDER / cut.name).read_text(encoding="ascii")
    for text in (whole[:2000], "", whole.replace('"version": 1', '"version": 2'), whole.replace('"groups"', '"clubs"')):
        cut.write_text(text, encoding="ascii")
        for status, out, err in (
            said([str(c_consumer), str(cut)]),
            said([node(), str(CONSUMERS / "check_vectors.js"), str(tmp_path)]),
        ):
            assert (status, out) == (2, ""), text[:80]
            assert err.startswith("check_vectors: ")
    assert said([str(c_consumer), str(tmp_path / "none.json")])[0] == 2
    assert said([str(c_consumer)])[0] == 2
    assert in_javascript(folder=tmp_path / "none")[0] == 2
