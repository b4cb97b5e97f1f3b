"""`wakeful trace`: the latest runs, and one story."""

from __future__ import annotations

import json

from tests.cli.conftest import wakeful
from tests.running_node import RunningNode
from wakeful.cli import client, timeline


def story(node: RunningNode) -> tuple[str, str]:
    """The ids of a story in which a queue is made, and of the call that made it."""
    node.client("sqs").create_queue(QueueName="orders")
    node.run(node.node.telemetry.flush())
    note = client.ask("notes?kind=call&limit=1", node.endpoint)["notes"][0]
    return note["trace"], note["id"]


def test_without_a_run_there_is_nothing_to_list(shared: RunningNode) -> None:
    said = wakeful("trace", endpoint=shared.endpoint)
    assert (said.status, said.out) == (0, "No function has run yet.\n")


def test_a_story_is_found_by_its_id_and_by_the_id_of_what_happened_in_it(shared: RunningNode) -> None:
    trace, call = story(shared)
    said = wakeful("trace", trace, endpoint=shared.endpoint)
    assert said.status == 0
    assert said.out.startswith(f"trace {trace}, begun ")
    assert "CreateQueue" in said.out
    assert wakeful("trace", call, endpoint=shared.endpoint).out == said.out


def test_the_notes_themselves_are_json(shared: RunningNode) -> None:
    trace, _ = story(shared)
    told = json.loads(wakeful("trace", trace, "--json", endpoint=shared.endpoint).out)
    assert told["trace"] == trace
    assert [note["kind"] for note in told["notes"]] == ["call"]


def test_what_would_have_been_denied_is_in_its_story(shared: RunningNode) -> None:
    url = shared.client("sqs").create_queue(QueueName="closed")["QueueUrl"]
    shared.client("sqs", key="111111111111").send_message(QueueUrl=url, MessageBody="from elsewhere")
    shared.run(shared.node.telemetry.flush())
    note = client.ask("notes?kind=denial&limit=1", shared.endpoint)["notes"][0]
    said = wakeful("trace", note["trace"], endpoint=shared.endpoint)
    assert said.status == 0
    (line,) = [line for line in said.out.splitlines() if "denial" in line]
    assert "✗ denial sqs:SendMessage sqs closed" in line
    assert line.endswith("done all the same: IAM is in audit mode  AccessDenied")


def test_what_nobody_knows_is_said(shared: RunningNode) -> None:
    for unknown in ("nope", "1-2-3", "a b/ü?x#y", "../health", "", "%"):
        said = wakeful("trace", unknown, endpoint=shared.endpoint)
        assert (said.status, said.out, said.err) == (1, "", f"Nothing is known of {unknown}.\n")


def test_what_is_said_of_something_with_a_long_name_stands_apart() -> None:
    called = {"id": "a", "cause": None, "at": 0.0, "kind": "call", "status": "ok", "resource": "x" * 90}
    story = timeline.text("t", [{**called, "name": "s3:PutObject", "duration_ms": 1.5}])
    assert story.splitlines()[1].endswith("x 1.5 ms")
