"""How pytest-xdist spreads the items of the plugin over its workers: those that share work go to one, if they can.

The examples and the bounds of a format and activation are computed once in a process. Dealt out in the order of the
clauses, every worker would compute all of them.
"""

from collections import defaultdict
from typing import Any

from xdist.scheduler import LoadScheduling  # type: ignore[import-untyped]  # it has no types


class Spreading(LoadScheduling):  # type: ignore[misc]  # as above
    """What ``--dist load`` does, but for which of refnet's items a worker is sent.

    It is sent one that shares work with those it had, or else with those that the fewest others had. When, how many,
    and all other items are as they would be.
    """

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        self._had: defaultdict[Any, set[str]] = defaultdict(set)  # by worker: the settings of what it was sent

    def _send_tests(self, node: Any, num: int) -> None:
        ours = [index for index in self.pending if self.collection[index].startswith(PREFIX)]
        chosen = iter(sorted(ours, key=lambda index: self._order(node, setting_of(self.collection[index]))))
        mine = set(ours)
        self.pending[:] = [next(chosen) if index in mine else index for index in self.pending]
        for index in self.pending[:num]:
            if index in mine:
                self._had[node].add(setting_of(self.collection[index]))
        super()._send_tests(node, num)

    def _order(self, node: Any, setting: str) -> tuple[int, str]:
        """Return what the next items are sorted by: the setting that this worker had, or that the fewest had."""
        if setting in self._had[node]:
            return -1, setting
        return sum(setting in self._had[worker] for worker in self.nodes), setting


PREFIX = "refnet::"  # of the ids of the plugin's items


def setting_of(nodeid: str) -> str:
    """Return what an item shares with others: its activation and dtype, whatever the target.

    >>> setting_of("refnet::mynet.py::GRAD-1[relu-float32]")
    'relu-float32'
    """
    return nodeid.rpartition("[")[2].rstrip("]")
