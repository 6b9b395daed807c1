"""``refnet train``: the seed's two experiments, printed as the seed prints them."""

import re

import numpy as np
import pytest

import refnet
from refnet import cli, experiments
from refnet.cli import main


def printed(steps: int, experiment: experiments.Experiment, lr: float) -> tuple[list[str], refnet.Params[np.float64]]:
    """The lines of a run by `refnet.train`, and the parameters that it ends with."""
    params, lines = experiment.params, []
    x, y, activation = experiment.x, experiment.y, experiment.activation
    for step in refnet.train(params, x, y, lr=lr, steps=steps, activation=activation):
        lines.append(f"{step.t} {step.loss}")
        params = step.params
    return lines, params


@pytest.mark.parametrize("name", ["relu", "identity"])
@pytest.mark.parametrize(("more", "seed"), [((), 0), (("--seed", "3"), 3)])
def test_the_losses_are_those_of_train_to_the_bit(
    name: str, more: tuple[str, ...], seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = {"relu": experiments.relu, "identity": experiments.identity}[name](seed)
    lines, params = printed(6, experiment, {"relu": 1e-6, "identity": 1e-5}[name])
    assert main(["train", name, "--steps", "6", *more]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[:6] == lines
    assert all(re.fullmatch(r"\d+ \d+\.\d+(e[+-]?\d+)?", line) for line in lines)
    rest = out.splitlines()[6:]
    if name == "relu":
        assert rest == []
    else:  # the seed prints the predictions of its second network
        inputs = np.array([[111, -111], [1, 9], [8, 1], [1, 8]], dtype=np.float64)
        assert "\n".join(rest) == f"\n{refnet.forward(params, inputs, activation='identity')}"


def test_500_steps_are_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "identity"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:500]] == [str(t) for t in range(500)]
    assert len(lines) == 500 + 1 + 4
    assert float(lines[499].split()[1]) < float(lines[0].split()[1])


def test_no_steps_are_no_losses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "relu", "--steps", "0"]) == 0
    assert capsys.readouterr() == ("", "")


def test_another_rate_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = printed(4, experiments.identity(0), 3e-6)
    assert main(["train", "identity", "--steps", "4", "--lr", "3e-6"]) == 0
    assert capsys.readouterr().out.splitlines()[:4] == lines


@pytest.mark.parametrize("rate", ["1", "1e300"])
def test_a_rate_that_diverges_ends_with_a_message(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "identity", "--lr", rate]) == 1
    out, err = capsys.readouterr()
    t, loss = out.splitlines()[-1].split()
    assert not np.isfinite(float(loss))
    assert 0 < int(t) < 20
    assert err == f"refnet: the loss left the range of float64 at step {t}: lower --lr\n"


def test_a_long_run_shows_where_it_is_when_its_losses_go_to_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int, str]] = []
    monkeypatch.setattr(cli, "_progress", lambda _: lambda *now: told.append(now))
    assert main(["train", "relu", "--steps", "3"]) == 0
    assert told == [(0, 3, "steps"), (1, 3, "steps"), (2, 3, "steps")]
