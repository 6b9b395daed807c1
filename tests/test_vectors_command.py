"""The command ``refnet vectors``: what it writes, what it compares, and where it refuses to."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from refnet import cli
from refnet.vectors import FAMILIES, writing
from refnet.vectors.folder import FolderError, first_difference, writable, write
from refnet.vectors.writing import PAGES, files

FEW = tuple(family for family in FAMILIES if family.name in ("tiny", "special"))


@pytest.fixture(autouse=True)
def _few_families() -> Iterator[None]:
    """The full size takes half a minute; how it is written is tested with the files themselves."""
    with mock.patch.object(writing, "FAMILIES", FEW):
        yield


def run(*arguments: str) -> int:
    return cli.main(["vectors", *arguments])


def test_it_writes_a_folder_that_it_finds_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a" / "b"
    assert run(str(folder)) == 0
    said = capsys.readouterr()
    assert said.out.startswith("4 files, 0.1 MB, in ")
    assert said.err == ""
    assert {path.name for path in folder.iterdir()} == {*PAGES, "01-tiny.json", "09-special.json"}
    assert run(str(folder), "--check") == 0
    assert "is what refnet" in capsys.readouterr().out
    assert run(str(folder)) == 0  # again, over its own


def test_without_a_folder_it_writes_into_one_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run() == 0
    assert (tmp_path / "refnet-vectors" / "01-tiny.json").exists()


def test_the_check_says_the_first_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(str(tmp_path))
    file = tmp_path / "01-tiny.json"
    content = file.read_bytes()
    for change, said in (
        (content.replace(b"8.25", b"8.26", 1), "01-tiny.json, line "),
        (content + b"\n", "01-tiny.json, line "),
        (content[:-1], "01-tiny.json, line "),
        (b"", "01-tiny.json, line 1: has '', expected '{'"),
    ):
        file.write_bytes(change)
        capsys.readouterr()
        assert run(str(tmp_path), "--check") == 1
        assert f"differs: {said}" in capsys.readouterr().out
        assert file.read_bytes() == change  # it wrote nothing
    file.unlink()
    assert run(str(tmp_path), "--check") == 1
    assert "01-tiny.json is missing" in capsys.readouterr().out
    file.write_bytes(content)
    (tmp_path / "zebra.txt").write_text("")
    assert run(str(tmp_path), "--check") == 1
    assert "zebra.txt should not be there" in capsys.readouterr().out


def test_a_changed_line_is_shown_where_it_differs(tmp_path: Path) -> None:
    expected = b'{\n "long": ' + b"1" * 200 + b"2\n}\n"
    (tmp_path / "a.json").write_bytes(expected.replace(b"2", b"3"))
    said = first_difference(tmp_path, [("a.json", expected)])
    assert said == f"a.json, line 2: has {'1' * 30 + '3'!r}, expected {'1' * 30 + '2'!r}"


def test_a_raw_file_differs_from_a_byte_on(tmp_path: Path) -> None:
    (tmp_path / "full-size").mkdir()
    (tmp_path / "full-size" / "01.float64").write_bytes(b"\0" * 16)
    said = first_difference(tmp_path, [("full-size/01.float64", b"\0" * 9 + b"\1" + b"\0" * 14)])
    assert said == "full-size/01.float64 differs from byte 9 on (16 bytes, expected 24)"


def test_nothing_is_put_among_other_things(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.tex").write_text("")
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "ape").write_text("")
    assert run(str(tmp_path)) == 2
    said = capsys.readouterr()
    assert "has other things in it: thesis.tex and 1 more; name an empty folder" in said.err
    assert said.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex", "zoo"]


def test_what_is_of_older_vectors_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(str(tmp_path))
    (tmp_path / "full-size").mkdir()
    (tmp_path / "full-size" / "99.float64").write_bytes(b"")
    assert run(str(tmp_path)) == 2
    assert "99.float64 is of other vectors, and no longer among these: remove it" in capsys.readouterr().err


def test_what_is_no_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for arguments, said in (
        ([str(file)], "is no folder"),
        ([str(file), "--check"], "is no folder"),
        ([str(file / "inside")], "cannot be made"),
        ([str(tmp_path / "none"), "--check"], "does not exist: name a folder of vectors"),
    ):
        assert run(*arguments) == 2
        assert said in capsys.readouterr().err
    assert file.read_text() == ""


def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    with mock.patch.object(os, "access", return_value=False):  # for root there is no other such folder
        with pytest.raises(FolderError, match="cannot be written into"):
            writable(tmp_path)
        with pytest.raises(FolderError, match="cannot be made"):
            writable(tmp_path / "new")


def test_a_disk_that_fails_is_an_error_that_says_so(tmp_path: Path) -> None:
    with (
        mock.patch.object(Path, "write_bytes", side_effect=OSError(28, "No space left on device", "disk")),
        pytest.raises(FolderError, match="cannot write disk: No space left on device"),
    ):
        write(tmp_path, [("01-tiny.json", b"")])


def test_how_far_it_is_is_shown() -> None:
    shown: list[tuple[int, int, str]] = []
    list(files(lambda done, total, name: shown.append((done, total, name))))
    assert shown == [(0, 3, "tiny"), (1, 3, "special"), (2, 3, "")]
