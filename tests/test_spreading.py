"""How items are spread over the workers of pytest-xdist: what shares work together, all else as it would be."""

import random
from collections.abc import Sequence
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdist.remote import Producer  # type: ignore[import-untyped]  # it has no types
from xdist.scheduler import LoadScheduling  # type: ignore[import-untyped]

from refnet.conformance.spreading import PREFIX, Spreading, setting_of


class Config:
    def __init__(self, workers: int) -> None:
        self.workers = workers

    def getvalue(self, name: str) -> list[str]:
        return ["popen"] * self.workers

    def getoption(self, name: str) -> None:
        return None


class Worker:
    """A worker that is told what to run, and is done with it when the test says so."""

    gateway = SimpleNamespace(id="gw")

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.done = 0
        self.shutting_down = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def spread(kind: Any, ids: list[str], workers: int, seed: int = 0) -> list[list[int]]:
    """Run all, each worker at its own random pace, and return what each was sent."""
    rng = random.Random(seed)
    scheduler = kind(Config(workers), Producer("", enabled=False))
    nodes = [Worker() for _ in range(workers)]
    for node in nodes:
        scheduler.add_node(node)
    for node in nodes:
        scheduler.add_node_collection(node, ids)
    scheduler.schedule()
    while busy := [node for node in nodes if node.done < len(node.sent)]:
        node = rng.choice(busy)
        node.done += 1
        scheduler.mark_test_complete(node, node.sent[node.done - 1], rng.choice((0.0, 0.5)))
    return [node.sent for node in nodes]


def refnets(settings: Sequence[str], clauses: int = 20) -> list[str]:
    return [f"{PREFIX}net.py::GRAD-{clause}[{setting}]" for clause in range(clauses) for setting in settings]


FOUR = ("relu-float32", "relu-float64", "identity-float32", "identity-float64")


@given(st.lists(st.sampled_from([*refnets(FOUR, 5), *(f"test_own.py::test_{i}" for i in range(20))]), unique=True))
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_everything_is_sent_once_and_what_is_not_ours_as_without_us(workers: int, ids: list[str]) -> None:
    for seed in range(3):
        with_us, without = (spread(kind, ids, workers, seed) for kind in (Spreading, LoadScheduling))
        assert sorted(chain(*with_us)) == list(range(len(ids)))
        for mine, its in zip(with_us, without, strict=True):
            places = zip(mine, its, strict=True)  # as many, at the same times
            assert all(a == b or (ids[a].startswith(PREFIX) and ids[b].startswith(PREFIX)) for a, b in places)


@pytest.mark.parametrize(("settings", "workers"), [(FOUR, 2), (FOUR, 4), (FOUR[:2], 2), (FOUR[:2], 4), (FOUR, 7)])
def test_a_worker_is_sent_what_shares_work_as_long_as_there_is_some(settings: tuple[str, ...], workers: int) -> None:
    ids = refnets(settings)
    for seed in range(20):
        sent = spread(Spreading, ids, workers, seed)
        assert all(sent)
        pairs = {(at, setting_of(ids[index])) for at, its in enumerate(sent) for index in its}
        least = max(len(settings), workers)
        # One that has no more of its own helps another at the end. By their order alone, all would have all settings.
        assert 2 * (len(pairs) - least) <= len(settings) * workers - least


def test_a_setting_has_as_many_workers_as_the_others() -> None:
    ids = refnets(FOUR[:2])
    first = [setting_of(ids[its[0]]) for its in spread(Spreading, ids, 4)]
    assert sorted(first) == sorted(FOUR[:2] * 2)


def test_settings_are_those_of_all_targets() -> None:
    assert setting_of("refnet::a.py::UPD-1[float32]") == setting_of("refnet::b.py:net::FWD-1[float32]") == "float32"
