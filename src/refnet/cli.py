"""The command line: ``check``, ``faults``, ``explain``, ``train``, ``vectors``.

Effects live here: terminal, files, exit status.
"""

import argparse
import errno
import io
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO, get_args

import numpy as np

import refnet
from refnet import experiments, faults, vectors
from refnet.adapters import isolated
from refnet.adapters.command import load_command
from refnet.adapters.frameworks import FRAMEWORKS
from refnet.adapters.patience import TIMEOUT
from refnet.conformance import cores
from refnet.conformance.engine import run
from refnet.conformance.expected import expected_failures
from refnet.conformance.glossary import UnknownClauseError, clause_named, clause_page, fault_list, fault_page, target_of
from refnet.conformance.planning import EXAMPLES, PlanError, plan
from refnet.conformance.target import Implementation, TargetError, computing_in
from refnet.conformance.verdicts import Report
from refnet.conformance.views import as_json_text, text
from refnet.formats import ACCUMULATE, OPERANDS, Dtype
from refnet.network import Activation, forward
from refnet.vectors import folder

CONFORMS, DOES_NOT, CANNOT_SAY = 0, 1, 2
INTERRUPTED = 130  # as shells have it

SEED = "refnet.seed"  # the tutorial's own script: what is checked where nothing is named


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit status."""
    asked = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = asked.command
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a stranger's message may hold any character
    try:
        status = command(asked)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT_SAY
    except KeyboardInterrupt:
        print("refnet: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception:  # a fault of refnet: the status 1 that Python gives it would blame the target
        traceback.print_exc()
        return CANNOT_SAY
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="refnet", description="An oracle for implementations of the two-layer network with bias."
    )
    parser.add_argument("--version", action="version", version=f"refnet {refnet.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser(
        "check",
        help="check an implementation, clause by clause",
        description="Check an implementation, clause by clause. Exit status 0: nothing fails but what is expected to;"
        " 1: something does, or what is expected to fail holds; 2: it could not be checked.",
    )
    check.set_defaults(command=_check)
    check.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="package.module, package.module:object, file.py, file.py:object, or a shared library such as ./libnet.so;"
        " the tutorial's own script by default",
    )
    check.add_argument("--demo", metavar="NAME", help="check a listed fault in place of a target, to see what it does")
    check.add_argument(
        "--command", metavar="COMMAND", dest="program", help="check a program that speaks JSON lines: spec/protocol.md"
    )
    check.add_argument(
        "--framework",
        choices=tuple(FRAMEWORKS),
        help="what a function of tensors is written for, where it does not tell",
    )
    check.add_argument(
        "--device", metavar="DEVICE", help="where a module, or a function of tensors, computes: cpu, cuda, cuda:1, mps"
    )
    check.add_argument(
        "--activation",
        choices=get_args(Activation),
        action="append",
        default=[],
        help="check it with this activation only; repeatable",
    )
    check.add_argument(
        "--dtype", choices=get_args(Dtype), action="append", default=[], help="check it in this format only; repeatable"
    )
    check.add_argument(
        "--storage", choices=get_args(Dtype), help="the format in which it stores arrays and results: spec/precision.md"
    )
    check.add_argument(
        "--operands", choices=OPERANDS, default="", help="the format in which it reads factors of products, if another"
    )
    check.add_argument("--accumulate", choices=ACCUMULATE, default="", help="the format in which it sums, if another")
    check.add_argument(
        "--clause",
        action="append",
        default=[],
        metavar="C",
        help="check this clause (GRAD-1) or this family (GRAD) only; repeatable",
    )
    check.add_argument("--examples", type=int, default=EXAMPLES, metavar="N", help="examples a clause (%(default)s)")
    check.add_argument("--seed", type=int, metavar="N", help="explore from a seed; without one, all runs are the same")
    check.add_argument(
        "--xfail",
        action="append",
        default=[],
        metavar='"CLAUSE: reason"',
        help="a clause, or a case such as UPD-1[float32], that is expected to fail, strictly; repeatable",
    )
    check.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help=f"what a call may take, before it is stopped and counts as a failure ({TIMEOUT:g})",
    )
    check.add_argument("--memory", type=int, metavar="MIB", help="what memory the target may take (no limit)")
    check.add_argument(
        "--in-process",
        action="store_true",
        help="run the target in this process, which it may then end, or leave hanging, and not in one of its own",
    )
    check.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too; - is standard output")

    listed = commands.add_parser(
        "faults",
        help="list the known mistakes, or explain one",
        description="List the known mistakes, or explain one: the wrong line, the right one, what the report says.",
    )
    listed.set_defaults(command=_faults)
    listed.add_argument("name", nargs="?", metavar="NAME", help="explain this one")

    explain = commands.add_parser(
        "explain",
        help="print a clause of the specification",
        description="Print a clause of the specification: what it demands, why, and what is checked.",
    )
    explain.set_defaults(command=_explain)
    explain.add_argument("clause", metavar="CLAUSE", help="its id, such as GRAD-1")

    train = commands.add_parser(
        "train", help="run one of the tutorial's two experiments", description="Run one of the tutorial's experiments."
    )
    train.set_defaults(command=_train)
    train.add_argument("experiment", choices=("relu", "identity"))
    train.add_argument("--steps", type=_count, default=500, metavar="N", help="steps of descent (%(default)s)")
    train.add_argument("--seed", type=_count, default=0, metavar="N", help="seed of the random draws (%(default)s)")
    train.add_argument("--lr", type=_rate, metavar="RATE", help="learning rate (the tutorial's)")

    written = commands.add_parser(
        "vectors",
        help="write the test vectors, for programs without Python",
        description="Write the test vectors: calls with the interval of every right result, as JSON and raw arrays."
        " They are the same bytes on every machine, about 11 MB, and take about half a minute. Exit status 0: written,"
        " or with --check the same; 1: with --check, they differ; 2: neither could be done.",
    )
    written.set_defaults(command=_vectors)
    written.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("refnet-vectors"),
        metavar="DIR",
        help="a folder with nothing else in it; it is made if need be (%(default)s)",
    )
    written.add_argument("--check", action="store_true", help="write nothing: say where the folder first differs")
    return parser


def _count(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of at least 0")
    return int(word)


def _rate(word: str) -> float:
    try:
        rate = float(word)
    except ValueError:
        rate = math.nan
    if not math.isfinite(rate):
        raise argparse.ArgumentTypeError(f"{word!r} is not a finite number")
    return rate


def _check(asked: argparse.Namespace) -> int:
    if asked.json is not None and (why := _obstacle(asked.json)):
        return _cannot_write(asked.json, why)
    named = {"": asked.target, "--demo ": asked.demo, "--command ": asked.program}
    several = [f"{option}{name}" for option, name in named.items() if name is not None]
    if len(several) > 1:
        print(f"refnet: {several[1]} stands in place of a target: leave {several[0]} out", file=sys.stderr)
        return CANNOT_SAY
    target = next((name for name in named.values() if name is not None), SEED)
    try:
        net = _loaded(asked, target)
        net = computing_in(net, storage=asked.storage, operands=asked.operands, accumulate=asked.accumulate)
        wanted = plan(
            net,
            activations=tuple(dict.fromkeys(asked.activation)),
            dtypes=tuple(dict.fromkeys(asked.dtype)),
            clauses=tuple(asked.clause),
            examples=asked.examples,
            seed=asked.seed,
            expected=expected_failures(asked.xfail),
        )
    except (TargetError, PlanError, faults.UnknownFaultError) as error:
        print(f"refnet: cannot check {target}: {error}", file=sys.stderr)
        return CANNOT_SAY
    with cores.shared(net):
        found = run(net, wanted, _progress(sys.stderr))
    if str(asked.json) == "-":
        sys.stdout.write(as_json_text(found))
        return _status(found)
    sys.stdout.write(text(found, colour=_colourful(sys.stdout)))
    if asked.json is not None:
        try:
            asked.json.write_text(as_json_text(found), encoding="utf-8")
        except OSError as error:
            return _cannot_write(asked.json, error.strerror)
    return _status(found)


def _loaded(asked: argparse.Namespace, target: str) -> Implementation:
    if asked.program is not None:
        for option in ("in_process", "memory", "framework", "device"):
            if getattr(asked, option) not in (None, False):
                raise TargetError(f"--{option.replace('_', '-')} is for what Python loads: leave it out")
        return load_command(target, timeout=TIMEOUT if asked.timeout is None else asked.timeout)
    return isolated.loaded(
        target if asked.demo is None else target_of(faults.named(target)),
        in_process=asked.in_process,
        timeout=asked.timeout,
        memory=asked.memory,
        framework=asked.framework,
        device=asked.device,
    )


def _obstacle(file: Path) -> str:
    """Return why the file cannot be written, or "": said before the run, which may be long, and nothing is opened."""
    if str(file) == "-":
        return ""
    if file.is_dir():
        return os.strerror(errno.EISDIR)
    if not file.parent.is_dir():
        return os.strerror(errno.ENOENT)
    return "" if os.access(file if file.exists() else file.parent, os.W_OK) else os.strerror(errno.EACCES)


def _cannot_write(file: Path, why: str | None) -> int:
    print(f"refnet: cannot write {file}: {why}", file=sys.stderr)
    return CANNOT_SAY


def _status(found: Report) -> int:
    outcomes = {verdict.outcome for verdict in found.verdicts}
    if "fail" in outcomes:
        return DOES_NOT
    return CONFORMS if outcomes & {"pass", "warn", "xfail"} and "error" not in outcomes else CANNOT_SAY


def _faults(asked: argparse.Namespace) -> int:
    try:
        page = fault_list() if asked.name is None else fault_page(faults.named(asked.name))
    except faults.UnknownFaultError as error:
        return _unknown(error)
    return _printed(page)


def _explain(asked: argparse.Namespace) -> int:
    try:
        clause = clause_named(asked.clause)
    except UnknownClauseError as error:
        return _unknown(error)
    return _printed(clause_page(clause))


def _unknown(error: ValueError) -> int:
    print(f"refnet: {error}", file=sys.stderr)
    return CANNOT_SAY


def _printed(page: Iterable[str]) -> int:
    for line in page:
        print(line)
    return CONFORMS


def _train(asked: argparse.Namespace) -> int:
    experiment = {"relu": experiments.relu, "identity": experiments.identity}[asked.experiment](asked.seed)
    params = experiment.params
    show = None if sys.stdout.isatty() else _progress(sys.stderr)  # on a terminal the losses themselves show it
    with np.errstate(all="ignore"):
        for step in experiments.run(experiment, steps=asked.steps, lr=asked.lr):
            print(step.t, step.loss)
            if not np.isfinite(step.loss):
                print(f"refnet: the loss left the range of float64 at step {step.t}: lower --lr", file=sys.stderr)
                return DOES_NOT
            params = step.params
            if show is not None:
                show(step.t, asked.steps, "steps")
    if asked.experiment == "identity":
        print()
        print(forward(params, experiments.identity_test_inputs(), activation="identity"))
    return CONFORMS


def _vectors(asked: argparse.Namespace) -> int:
    try:
        if asked.check:
            folder.held(asked.folder)  # before the half minute, not after it
            if difference := folder.first_difference(asked.folder, vectors.files(_progress(sys.stderr))):
                print(f"{asked.folder} differs: {difference}")
                return DOES_NOT
            print(f"{asked.folder} is what refnet {refnet.__version__} writes")
            return CONFORMS
        folder.writable(asked.folder)
        count, size = folder.write(asked.folder, vectors.files(_progress(sys.stderr)))
    except folder.FolderError as error:
        print(f"refnet: {error}", file=sys.stderr)
        return CANNOT_SAY
    print(f"{count} files, {size / 1e6:.1f} MB, in {asked.folder}: its README.md says how to use them")
    return CONFORMS


def _colourful(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _progress(stream: TextIO) -> Callable[[int, int, str], None] | None:
    if not stream.isatty():
        return None

    def show(done: int, total: int, name: str) -> None:
        end = "" if done + 1 < total else "\r\033[K"
        print(f"\r\033[K{done}/{total} {name}", end=end, file=stream, flush=True)

    return show
