"""The same random operations on Wakeful and on AWS's own DynamoDB Local; and recordings of what the latter answers.

    python -m tools.differential SEED …            # both answer, and what differs is told
    python -m tools.differential --record SEED …   # and what DynamoDB Local answers goes to tests/parity/recorded

A recording is never edited. `make bench` gets DynamoDB Local.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import systems
from tests.parity.dynamodb_answers import Answer, comparable
from tests.parity.dynamodb_operations import looks, operations
from tests.parity.dynamodb_quirks import SAME, difference
from tests.parity.dynamodb_system import System
from tests.parity.dynamodb_tables import KEYS, TABLES

RECORDED = Path(__file__).parents[1] / "tests" / "parity" / "recorded"
OPERATIONS = 1500
"""Of one seed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation that both have answered."""

    operation: str
    request: dict[str, Any]
    local: Answer
    ours: Answer

    def why(self) -> str | None:
        return difference(self.operation, self.request, self.local, self.ours)

    def may_part(self) -> bool:
        """Whether there may be other items here than there after it."""
        if self.operation == "BatchExecuteStatement" and self.local.status != 200:
            return True  # it refuses such a batch, and carries some of it out
        return self.why() != SAME and 200 in (self.local.status, self.ours.status)

    def line(self) -> str:
        """Of a recording."""
        told = [self.operation, self.request, self.local.status, self.local.body]
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))

    def __str__(self) -> str:
        expected, found = (comparable(self.operation, self.request, each) for each in (self.local, self.ours))
        asked = f"{self.operation} {json.dumps(self.request, ensure_ascii=False)}"
        return f"{asked}\n  DynamoDB Local: {expected}\n  Wakeful:        {found}"


class Both:
    """The two systems, side by side."""

    def __init__(self, local: System, ours: System) -> None:
        self._local = local
        self._ours = ours

    def ask(self, operation: str, request: dict[str, Any]) -> Asked:
        return Asked(operation, request, self._local.ask(operation, request), self._ours.ask(operation, request))

    def run(self, seed: int) -> Iterator[Asked]:
        """The seed's operations. Where items part, they are deleted, so that what follows is not about them."""
        for operation, request in operations(seed, OPERATIONS):
            asked = self.ask(operation, request)
            yield asked
            if asked.may_part():
                for table in TABLES:
                    yield from self._meet(table)
        for operation, request in looks():
            yield self.ask(operation, request)

    def _meet(self, table: str) -> Iterator[Asked]:
        there, here = (_by_key(system, table) for system in (self._local, self._ours))
        parted = [json.loads(key) for key in there.keys() | here.keys() if there.get(key) != here.get(key)]
        for key in parted:
            yield self.ask("DeleteItem", {"TableName": table, "Key": key})
        if parted:
            yield self.ask("Records", {"TableName": table, "Without": parted})


def _by_key(system: System, table: str) -> dict[str, Any]:
    read = comparable("Scan", {}, Answer(200, {"Items": system.items(table)}))
    return {json.dumps({name: item[name] for name, _ in KEYS[table]}): item for item in read["Items"]}


@contextlib.contextmanager
def both() -> Iterator[Both]:
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(start()) for start in (systems.dynamodb_local, systems.wakeful)]
        local, ours = (stack.enter_context(contextlib.closing(System(each.endpoint))) for each in started)
        yield Both(local, ours)


def record(seed: int, asked: list[Asked]) -> Path:
    """What DynamoDB Local answered is in a file."""
    RECORDED.mkdir(exist_ok=True)
    path = RECORDED / f"dynamodb-{seed}.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(each.line() for each in asked).encode(), mtime=0))
    return path


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--record", action="store_true")
    arguments.add_argument("seeds", nargs="+", type=int, metavar="SEED")
    said = arguments.parse_args()
    known: Counter[str] = Counter()
    count = unknown = 0
    for seed in said.seeds:
        with both() as systems_:
            answers = list(systems_.run(seed))
        count += len(answers)
        for number, asked in enumerate(answers):
            why = asked.why()
            if why is None:
                unknown += 1
                print(f"seed {seed}: {number} {asked}", flush=True)
            elif why:
                known[why] += 1
        if said.record:
            print(record(seed, answers))
    for why, times in known.most_common():
        print(f"{times:5} times: {why}")
    print(f"{unknown} of {count} answers differ, and {sum(known.values())} more as is known")
    sys.exit(bool(unknown))


if __name__ == "__main__":
    main()
