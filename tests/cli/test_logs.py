"""`wakeful logs`: a log group or a function's log, as it is and as it comes in."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import typed, wakeful
from tests.running_node import RunningNode, running_node
from wakeful.cli import tail

pytestmark = pytest.mark.slow

names = itertools.count()


class Group:
    """A log group with one stream."""

    def __init__(self, node: RunningNode, name: str = "") -> None:
        self.name = name or f"/group/{next(names)}"
        self.logs: Any = node.client("logs")
        self._node = node
        self.logs.create_log_group(logGroupName=self.name)
        self.logs.create_log_stream(logGroupName=self.name, logStreamName="s")

    def put(self, message: str, *, ago_s: float = 0) -> None:
        moment_ms = int((self._node.node.clock.now() - ago_s) * 1000)
        event = {"timestamp": moment_ms, "message": message}
        self.logs.put_log_events(logGroupName=self.name, logStreamName="s", logEvents=[event])


@pytest.fixture
def group(shared: RunningNode) -> Group:
    return Group(shared)


def said_of(text: str) -> list[str]:
    """The messages, without their times."""
    return [line.split("  ", 1)[1] for line in text.splitlines()]


def test_a_log_group_is_printed_in_order_of_time(group: Group, shared: RunningNode) -> None:
    group.put("older", ago_s=30)
    group.put("newer \N{BLACK HEART SUIT}\n")
    said = wakeful("logs", group.name, endpoint=shared.endpoint)
    assert (said.status, said_of(said.out)) == (0, ["older", "newer \N{BLACK HEART SUIT}"])


def test_since_says_where_to_begin(group: Group, shared: RunningNode) -> None:
    group.put("older", ago_s=700)
    group.put("newer", ago_s=500)
    assert said_of(wakeful("logs", group.name, endpoint=shared.endpoint).out) == ["newer"]
    assert said_of(wakeful("logs", group.name, "--since", "800", endpoint=shared.endpoint).out) == ["older", "newer"]
    assert wakeful("logs", group.name, "--since", "3000000000", endpoint=shared.endpoint).status == 0


@pytest.mark.parametrize("since", ["-1", "nan", "1e30", "99999999999999999999"])
def test_since_is_a_number_of_seconds(since: str, shared: RunningNode) -> None:
    assert wakeful("logs", "f", "--since", since, endpoint=shared.endpoint).status == 2


def test_what_is_not_there_is_said(shared: RunningNode) -> None:
    said = wakeful("logs", "/nope", endpoint=shared.endpoint)
    assert (said.status, said.out, said.err) == (1, "", "There is no log group /nope.\n")
    said = wakeful("logs", "nope", endpoint=shared.endpoint)
    assert said.err == "There is no log group /aws/lambda/nope: there is no function nope.\n"
    said = wakeful("logs", "no name", endpoint=shared.endpoint)
    assert said.status == 1
    assert said.err.startswith("ValidationException: ")


def test_following_shows_what_comes_in_until_interrupted(group: Group, shared: RunningNode) -> None:
    group.put("before")
    with typed("logs", group.name, "--follow", endpoint=shared.endpoint) as following:
        assert said_of(following.line()) == ["before"]
        group.put("after")
        assert said_of(following.line()) == ["after"]
        following.interrupt()
        said = following.rest()
    assert (said.status, said.out, said.err) == (0, "", "")


def test_following_waits_for_a_log_that_is_not_there_yet(shared: RunningNode) -> None:
    with typed("logs", "later", "--follow", endpoint=shared.endpoint) as following:
        Group(shared, "/aws/lambda/later").put("first")
        assert said_of(following.line()) == ["first"]


def test_following_a_node_that_stops_ends_with_a_sentence(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        group = Group(node)
        group.put("one")
        with typed("logs", group.name, "--follow", endpoint=node.endpoint) as following:
            assert said_of(following.line()) == ["one"]
            node.stop()
            said = following.rest()
    assert (said.status, said.out) == (1, "")
    assert said.err == f"No node answers at {node.endpoint}. Start one with `wakeful start`.\n"


def test_an_event_that_comes_in_late_is_shown_once(group: Group, shared: RunningNode) -> None:
    start_ms = int((shared.node.clock.now() - 60) * 1000)
    shown = tail.events(group.logs, group.name, start_ms, follow=True)
    group.put("new")
    assert next(shown)[1] == "new"
    group.put("late", ago_s=2)
    assert next(shown)[1] == "late"
    group.put("newest")
    assert next(shown)[1] == "newest"
