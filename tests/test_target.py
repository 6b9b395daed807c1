"""The implementation under test: every way of naming one, and every way in which there is none."""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import refnet.seed
from refnet.conformance import TargetError, generate, implementation, load
from refnet.conformance.target import ARGUMENTS, OPERATIONS, arguments

NET = """
def forward(params, x):
    return "{0} function"

class Net:
    def forward(self, params, x):
        return "{0} class"

class Named:
    def __init__(self, name):
        self.name = name

    def forward(self, params, x):
        return self.name

class Box:
    inner = Named("{0} nested")

net = Named("{0} object")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(sys.modules[name]):
            del sys.modules[name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)


def said(name: str) -> object:
    return load(name).call("forward", None, None, activation="relu")


# Naming one.


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("top.py", "top function"),
        ("top.py:Net", "top class"),
        ("top.py:net", "top object"),
        ("top.py:Box.inner", "top nested"),
        ("./top.py", "top function"),
        ("pack/deep.py", "deep function"),
        ("pack/deep.py:net", "deep object"),
        ("top", "top function"),
        ("top:Net", "top class"),
        ("pack.deep", "deep function"),
        ("pack.deep:net", "deep object"),
        ("pack.deep:Box.inner", "deep nested"),
    ],
)
def test_a_target_is_a_module_or_a_file_and_perhaps_an_object_in_it(folder: Path, name: str, answer: str) -> None:
    write(folder / "top.py", NET.format("top"))
    write(folder / "pack" / "__init__.py", "")
    write(folder / "pack" / "deep.py", NET.format("deep"))
    net = load(name)
    assert said(name) == answer
    assert net.name == name
    assert net.made == f"refnet.conformance.load({name!r})"
    assert list(net.operations) == ["forward"]


def test_an_absolute_path_and_odd_names_are_fine(folder: Path) -> None:
    for path in (folder / "away from here" / "my-net.py", folder / "two" / "2layers.py"):
        write(path, NET.format(path.stem))
        assert said(str(path)) == f"{path.stem} function"
        assert said(f"{path}:net") == f"{path.stem} object"


def test_two_files_of_one_name_are_two_targets(folder: Path) -> None:
    write(folder / "one" / "net.py", NET.format("one"))
    write(folder / "two" / "net.py", NET.format("two"))
    one, two = load("one/net.py"), load("two/net.py")
    assert one.call("forward", None, None, activation="relu") == "one function"
    assert two.call("forward", None, None, activation="relu") == "two function"


def test_a_target_finds_its_neighbours_at_once_and_later(folder: Path) -> None:
    write(folder / "far" / "a_neighbour.py", "word = 'far'")
    write(folder / "far" / "another_neighbour.py", "word = 'later'")
    write(
        folder / "far" / "net.py",
        "import a_neighbour\ndef forward(params, x):\n    import another_neighbour\n"
        "    return a_neighbour.word + another_neighbour.word",
    )
    assert said("far/net.py") == "farlater"
    write(folder / "package" / "__init__.py", "")
    write(folder / "package" / "layers.py", "word = 'relative'")
    write(folder / "package" / "net.py", "from .layers import word\ndef forward(params, x):\n    return word")
    assert said("package.net") == "relative"
    with pytest.raises(TargetError, match=r"no known parent package; name it as package.module instead"):
        load("package/net.py")


def test_a_dataclass_in_a_file_finds_its_own_module(folder: Path) -> None:
    write(
        folder / "net.py",
        "from __future__ import annotations\nfrom dataclasses import dataclass, KW_ONLY\nfrom typing import ClassVar\n"
        "@dataclass\nclass Net:\n    word: ClassVar[str] = 'data'\n    _: KW_ONLY\n    hidden: int = 3\n"
        "    def forward(self, params, x):\n        return self.word * self.hidden",
    )
    assert said("net.py:Net") == "datadatadata"


def test_a_file_named_as_the_standard_library_is_disturbs_nothing(folder: Path) -> None:
    write(folder / "json.py", "import json\ndef forward(params, x):\n    return json.dumps([1])")
    assert said("json.py") == "[1]"
    assert sys.modules["json"] is json
    write(folder / "random.py", "def loss(params, x, y):\n    return 0.0")
    for name in ("json.py", "random.py"):
        arguments = ["check", name, "--examples", "1", "--clause", "PURE-1", "--json", "-"]
        command = [sys.executable, "-Pm", "refnet", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert json.loads(run.stdout)["target"] == name, run.stderr


def test_an_object_a_class_and_a_module_are_implementations() -> None:
    class Net:
        def loss(self, *_: Any) -> float:
            return 0.0

    for found, name, made in (
        (Net, "Net", "refnet.conformance.implementation(net)  # where net is the Net that is checked"),
        (Net(), "Net", "refnet.conformance.implementation(net)  # where net is the Net that is checked"),
        (refnet.seed, "refnet.seed", "refnet.conformance.load('refnet.seed')"),
    ):
        net = implementation(found)
        assert (net.name, net.made) == (name, made)
    assert list(net.operations) == list(OPERATIONS)


def test_making_one_may_print(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        folder / "net.py", "print('read')\nclass Net:\n    def __init__(self): print('made')\n    def loss(self): ..."
    )
    load("net.py:Net")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_arguments_are_those_of_the_reference_by_name(operation: str) -> None:
    checked = inspect.signature(getattr(refnet, f"assert_{operation}")).parameters.values()
    assert ["actual", *ARGUMENTS[operation]] == [p.name for p in checked if p.kind is p.POSITIONAL_OR_KEYWORD]
    problem = generate("normal", (2, 3, 4, 1), "float32", "relu", 0)
    given = arguments(operation, problem)
    assert all(one is getattr(problem, name) for one, name in zip(given, ARGUMENTS[operation], strict=True))


# Where there is none.


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("missing.py", None, "there is no file missing.py"),
        ("some/where/missing.py:net", None, "there is no file some/where/missing.py"),
        ("missing_module", None, "there is no module missing_module: give a module that can be imported, or a file"),
        ("missing_package.deep:net", None, "there is no module missing_package.deep: give a module"),
        ("json.missing", None, "there is no module json.missing: give a module"),
        ("net", "import missing_part", "net cannot be imported: it needs missing_part, which is not installed"),
        ("net.py", "import missing_part", "net.py cannot be imported: it needs missing_part, which is not installed"),
        ("net.py", "import net.layers", "net.py cannot be imported: it needs net.layers, which is not installed"),
        (
            "missing.old/net.py",
            "import missing",
            "missing.old/net.py cannot be imported: it needs missing, which is not",
        ),
        ("net.py", "1 / 0", "net.py cannot be imported: ZeroDivisionError: division by zero"),
        ("net", "1 / 0", "net cannot be imported: ZeroDivisionError: division by zero"),
        ("net.py", "raise SystemExit(0)", "net.py cannot be imported: SystemExit: 0"),
        ("net.py", "import sys; sys.exit('no')", "net.py cannot be imported: SystemExit: no"),
        ("net.py", "raise BaseException('odd')", "net.py cannot be imported: BaseException: odd"),
        ("net.py", "def f(:", "net.py cannot be imported: SyntaxError: invalid syntax"),
        ("net.py", "from numpy import nothing", "net.py cannot be imported: ImportError: cannot import name 'nothing'"),
        ("net.py", "", "net.py has none of forward, loss, grads, update, step: there is nothing in it to check"),
        ("net.py", "loss = 3.0", "net.py has none of forward, loss, grads, update, step"),
        ("net.py:nett", "net = 1; _own = 2", "net.py has no 'nett'; it has net"),
        ("net.py:net.inner", "net = 1", "net.py has no 'net.inner'; it has net"),
        ("net.py:net", "", "net.py has no 'net'; it has nothing public"),
        ("net.py:nett", "import sys, json as net\nfrom math import sqrt", "net.py has no 'nett'; it has sqrt"),
        ("net.py:nett", "import sys", "net.py has no 'nett'; it has nothing public"),
        ("net.py:net", "net = 1", "net.py:net has none of forward, loss"),
        (
            "net.py:Net",
            "class Net:\n    def __init__(self, size): ...",
            "net.py:Net is a class and cannot be made with",
        ),
        (
            "net.py:Net",
            "class Net:\n    def __init__(self): exit(1)",
            "made without arguments (SystemExit: 1): name an",
        ),
        ("net.py", "activation = 'tanh'\ndef loss(p, x, y): ...", "net.py.activation is 'tanh', expected 'relu' or"),
        ("", None, " cannot be imported: ValueError: Empty module name"),
        (".net", "", ".net cannot be imported: TypeError: "),
        ("net.py:", "", "there is no module net.py:"),
        ("folder/", None, "there is no file folder"),
    ],
)
def test_what_is_no_target_is_said_with_the_reason(folder: Path, name: str, text: str | None, why: str) -> None:
    if text is not None:
        write(folder / "net.py", text)
        write(folder / "missing.old" / "net.py", text)
    write(folder / "folder" / "other.py", "")
    with pytest.raises(TargetError) as caught:
        load(name)
    assert str(caught.value).startswith(why) or why in str(caught.value)


def test_a_file_of_another_kind_is_not_a_python_file(tmp_path: Path) -> None:
    write(tmp_path / "net.txt", "def loss(p, x, y): ...")
    with pytest.raises(TargetError, match=r"net\.txt is not a Python file$"):
        load(str(tmp_path / "net.txt"))
    (tmp_path / "net.txt").chmod(0o755)
    with pytest.raises(TargetError, match=r'net\.txt is not a Python file: a program is checked with --command "/.*"$'):
        load(str(tmp_path / "net.txt"))


def test_a_program_in_this_folder_is_said_to_need_an_option(folder: Path) -> None:
    write(folder / "mynet", "#!/bin/sh\n")
    (folder / "mynet").chmod(0o755)
    with pytest.raises(TargetError, match=r'is checked with --command "\./mynet"$'):
        load("./mynet")
    write(folder / "mynet.js", "")
    with pytest.raises(
        TargetError, match=r"^mynet\.js is not a Python file: .* --command .*, such as \"node mynet\.js\"$"
    ):
        load("mynet.js")


def test_an_interrupt_is_not_the_target_s(folder: Path) -> None:
    write(folder / "net.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load("net.py")

    class Net:
        def __init__(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        implementation(Net)

    class Lazy:
        @property
        def loss(self) -> object:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        implementation(Lazy())


GOOD = """
import refnet

class Net:
    def loss(self, params, x, y): ...

class Rate:
    update = 0.1

class Unreadable:
    @property
    def loss(self):
        raise SystemExit

net, rate, unreadable, _hidden = Net(), Rate(), Unreadable(), Net()
"""
LACKS = "has none of forward, loss, grads, update, step: there is nothing in it to check"


@pytest.mark.parametrize("name", ["good", "good.py"])
def test_what_a_module_has_to_check_is_suggested(folder: Path, name: str) -> None:
    write(folder / "good.py", GOOD)
    with pytest.raises(TargetError) as caught:
        load(name)
    assert str(caught.value) == f"{name} {LACKS}; name one in it: {name}:Net, {name}:net"
    assert load(f"{name}:net").operations.keys() == {"loss"}
    with pytest.raises(TargetError) as caught:
        load(f"{name}:rate")
    assert str(caught.value) == f"{name}:rate {LACKS}"


@pytest.mark.parametrize(("given", "kind"), [("net.py", "str"), (Path("net.py"), type(Path()).__name__), ("no", "str")])
def test_a_name_is_no_object_and_an_object_no_name(given: Any, kind: str) -> None:
    with pytest.raises(TargetError) as caught:
        implementation(given)
    assert str(caught.value) == f"{given!r} is a {kind}, expected an object: write load({str(given)!r})"
    wrong: Any = refnet.seed
    with pytest.raises(TargetError, match=r"^target is a module, expected a name: write implementation\("):
        load(wrong)


def test_an_attribute_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "unreadable.py").write_text(
        "class Net:\n    @property\n    def loss(self):\n        raise SystemExit('not yet')\n\nnet = Net()\n"
    )
    with pytest.raises(TargetError, match=r"net\.loss cannot be read: SystemExit: not yet"):
        load(f"{tmp_path / 'unreadable.py'}:net")
