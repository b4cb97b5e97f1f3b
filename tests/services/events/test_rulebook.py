"""Compiled patterns: always what the transaction sees, and no slower for many rules."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from wakeful import limits
from wakeful.fabric.parts import kept
from wakeful.fabric.pattern import compile_pattern
from wakeful.services.events import bus as buses
from wakeful.services.events import event as events
from wakeful.services.events import rule as rules
from wakeful.services.events import rulebook
from wakeful.services.events.rulebook import Rulebook
from wakeful.store.tx import Tx

BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"


def put(tx: Tx, *patterns: str, bus: str = BUS) -> None:
    for number, pattern in enumerate(patterns):
        rules.put(tx, bus, {"Name": f"r{number}", "EventPattern": pattern})


def wanted(value: str) -> str:
    return f'{{"detail": {{"k": ["{value}"]}}}}'


def matching(tx: Tx, value: str, bus: str = BUS) -> list[str]:
    event = events.of({"detail": {"k": value}})
    found = kept(tx, Rulebook).matching(tx, buses.find(tx, bus), event)
    return [arn.rsplit("/", 1)[1] for arn in found]


def write(node: RunningNode, work: Any, *args: Any) -> Any:
    return node.run(node.node.store.write(work, *args))


def test_a_transaction_is_matched_against_what_it_sees_itself(node: RunningNode) -> None:
    def both(tx: Tx) -> list[list[str]]:
        found = [matching(tx, "a")]
        put(tx, wanted("a"), wanted("b"))
        found.append(matching(tx, "a"))
        rules.delete(tx, BUS, "r0")
        found.append(matching(tx, "a"))
        return found

    assert write(node, both) == [[], ["r0"], []]


def test_what_an_undone_transaction_compiled_is_not_used(node: RunningNode) -> None:
    write(node, put, wanted("a"))

    def undone(tx: Tx) -> None:
        put(tx, wanted("undone"))
        assert matching(tx, "undone") == ["r0"]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(node, undone)
    assert write(node, matching, "undone") == []
    assert write(node, matching, "a") == ["r0"]

    def other(tx: Tx) -> None:
        put(tx, wanted("b"))

    write(node, other)
    assert write(node, matching, "undone") == []
    assert write(node, matching, "b") == ["r0"]


def test_two_nodes_in_one_process_share_nothing(node: RunningNode, tmp_path: Path) -> None:
    write(node, put, wanted("a"))
    assert write(node, matching, "a") == ["r0"]
    with running_node(tmp_path / "other") as other:
        assert write(other, matching, "a") == []


def test_a_change_compiles_the_changed_rule_only(node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def counted(pattern: str) -> Any:
        compiled.append(pattern)
        return compile_pattern(pattern)

    monkeypatch.setattr(rulebook, "compile_pattern", counted)
    write(node, put, *(wanted(str(number)) for number in range(50)))
    write(node, matching, "1")
    write(node, matching, "1")
    assert len(compiled) == len(set(compiled)) == 50
    write(node, lambda tx: rules.put(tx, BUS, {"Name": "r7", "EventPattern": wanted("new")}))
    assert write(node, matching, "new") == ["r7"]
    assert write(node, matching, "7") == []
    assert compiled[50:] == [wanted("new")]


def test_no_more_buses_are_kept_than_the_limit_says(node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EVENTS_BUSES_KEPT", 2)
    regions = [f"arn:aws:events:r-{number}:000000000000:event-bus/default" for number in range(4)]

    def fill(tx: Tx) -> int:
        for region in regions:
            put(tx, wanted("a"), bus=region)
            assert matching(tx, "a", region) == ["r0"]
        assert matching(tx, "a", regions[0]) == ["r0"]
        return len(kept(tx, Rulebook)._buses)

    assert write(node, fill) == 2


@pytest.mark.slow
def test_ten_thousand_rules_cost_an_event_no_more_than_ten_do(tmp_path: Path) -> None:
    """The bound is a ratio: ten events are put among ten rules and among ten thousand, in one run."""
    with running_node(tmp_path, rehearse=False) as node:
        client = node.client("events")
        client.create_event_bus(Name="few")
        few = BUS.replace("default", "few")
        write(node, put, *(wanted(str(number)) for number in range(10_000)))
        write(node, lambda tx: put(tx, *(wanted(str(number)) for number in range(10)), bus=few))

        def put_events(bus: str) -> float:
            entry = {"Source": "my.app", "DetailType": "thing", "Detail": '{"k": "5"}', "EventBusName": bus}
            begun = time.perf_counter()
            assert client.put_events(Entries=[entry] * 10)["FailedEntryCount"] == 0
            return time.perf_counter() - begun

        for bus in ("few", "default"):
            put_events(bus)  # compiles
        times = {bus: min(put_events(bus) for _ in range(20)) for bus in ("few", "default")}
        assert times["default"] < 2 * times["few"], times
