"""Chaos through real clients: what each fault does to messages, and that it breaks nothing that AWS promises."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.experiments import ask, begun, chaos, report
from tests.running_node import RunningNode, running_node
from wakeful.cli import timeline

pytestmark = pytest.mark.slow

_numbers = count()


class Queue:
    """A queue of a test's own."""

    def __init__(self, node: RunningNode, sqs: Any, suffix: str = "", **attributes: str) -> None:
        self.name = f"q{next(_numbers)}{suffix}"
        self.node, self.sqs, self.at = node, sqs, node.endpoint
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if suffix == ".fifo" else {}
        self.group = {"MessageGroupId": "g"} if fifo else {}
        self.url = sqs.create_queue(QueueName=self.name, Attributes={**fifo, **attributes})["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{self.name}"

    def send(self, *bodies: str) -> list[str]:
        """The ids, by their order."""
        sent = [self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **self.group) for body in bodies]
        return [each["MessageId"] for each in sent]

    def receive(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))

    def drain(self, most: int = 60) -> list[str]:
        """The bodies of all that comes, in that order, deleted at once; the clock is moved to what is late."""
        bodies: list[str] = []
        for _ in range(most):
            messages = self.receive()
            bodies += [message["Body"] for message in messages]
            if messages:
                gone = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
                assert "Failed" not in self.sqs.delete_message_batch(QueueUrl=self.url, Entries=gone)
            elif self.is_empty():
                return bodies
            else:
                self.node.advance(200)
        raise AssertionError(f"there is always more: {bodies}")

    def is_empty(self) -> bool:
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return all(found[f"ApproximateNumberOfMessages{which}"] == "0" for which in ("", "NotVisible", "Delayed"))


@pytest.fixture(scope="module")
def sqs(shared_node: RunningNode) -> Any:
    return shared_node.client("sqs")


@pytest.fixture
def queue(shared_node: RunningNode, sqs: Any) -> Queue:
    return Queue(shared_node, sqs)


@pytest.fixture(autouse=True)
def no_chaos_left(shared_node: RunningNode) -> Iterator[None]:
    yield
    ask(shared_node.endpoint, "DELETE")


def words(number: int) -> list[str]:
    return [str(each) for each in range(number)]


def test_a_duplicate_is_the_same_message_once_more_and_later(queue: Queue) -> None:
    with chaos(queue.at, queue.name, duplicate={"rate": 1, "apart_s": [10, 20]}) as which:
        (sent,) = queue.send("hello")
        (first,) = queue.receive()
        queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=first["ReceiptHandle"])
        assert queue.receive() == []
        queue.node.advance(20)
        (second,) = queue.receive()
        assert (first["MessageId"], second["MessageId"], second["Body"]) == (sent, sent, "hello")
        assert second["Attributes"]["SentTimestamp"] == first["Attributes"]["SentTimestamp"]
        queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=second["ReceiptHandle"])
        queue.node.advance(3600)
        assert queue.receive() == []
        told = report(queue.at, which)
    assert told["counts"] == {"duplicate": {"occasions": 1, "times": 1}}
    assert [(deed["fault"], deed["subject"]) for deed in told["did"]] == [("duplicate", sent)]


def test_the_same_seed_picks_the_same_messages(queue: Queue) -> None:
    def picked(seed: int) -> list[int]:
        with chaos(queue.at, queue.name, seed, duplicate={"rate": 0.3, "apart_s": [0, 0]}) as which:
            ids = queue.send(*words(12))
            twice = {deed["subject"] for deed in report(queue.at, which)["did"]}
        return [place for place, each in enumerate(ids) if each in twice]

    first = picked(7)
    assert 0 < len(first) < 12
    assert picked(7) == first
    assert picked(8) != first


def test_what_is_delayed_shows_itself_later(queue: Queue) -> None:
    with chaos(queue.at, queue.name, delay={"s": [30, 40]}):
        queue.send("late")
        assert queue.receive() == []
        queue.node.advance(29)
        assert queue.receive() == []
        queue.node.advance(11)
        assert [each["Body"] for each in queue.receive()] == ["late"]


def test_what_is_out_of_order_overtakes_no_more_than_the_window(queue: Queue) -> None:
    with chaos(queue.at, queue.name, 3, reorder={"rate": 0.5, "window": 3}) as which:
        queue.send(*words(20))
        entries = [{"Id": str(each), "MessageBody": str(each)} for each in range(20, 30)]
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)  # of one moment
        moved = report(queue.at, which)["counts"]["reorder"]["times"]
    came = [int(each) for each in queue.drain()]
    assert sorted(came) == list(range(30))
    ahead = [sum(later < each for later in came[place:]) for place, each in enumerate(came)]
    assert moved >= sum(each > 0 for each in ahead) > 3, "it was disordered"
    assert max(ahead) <= 3


def test_a_message_that_was_deleted_comes_again_once(queue: Queue) -> None:
    with chaos(queue.at, queue.name, redeliver=1):
        queue.send("a")
        assert queue.drain() == ["a", "a"]


def test_a_caller_who_is_throttled_tries_again_and_succeeds(queue: Queue) -> None:
    with chaos(queue.at, queue.name, throttle={"rate": 1, "times": 1}) as which:
        with pytest.raises(ClientError) as refused:
            queue.send("a")
        assert refused.value.response["Error"]["Code"] == "RequestThrottled"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert report(queue.at, which)["counts"]["throttle"]["times"] == 1
        queue.send("a")
    for mode in ("legacy", "standard"):
        patient = queue.node.client("sqs", config={"retries": {"max_attempts": 2, "mode": mode}})
        with chaos(queue.at, queue.name, throttle={"rate": 1, "times": 1}):
            sent = patient.send_message(QueueUrl=queue.url, MessageBody="b")
        assert sent["ResponseMetadata"]["RetryAttempts"] == 1, mode
    assert queue.drain() == ["a", "b", "b"]


def test_a_topic_tells_its_subscribers_late_and_twice_and_who_publishes_is_throttled(queue: Queue) -> None:
    sns = queue.node.client("sns")
    topic = sns.create_topic(Name=f"t-{queue.name}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    with chaos(queue.at, topic, delay={"s": [60, 60]}, duplicate={"rate": 1, "copies": 2, "apart_s": [10, 20]}):
        sns.publish(TopicArn=topic, Message="news")
        assert queue.is_empty()
        queue.node.advance(59)
        assert queue.is_empty()
        queue.node.advance(1)
        assert [each["Body"] for each in queue.receive()] == ["news"]
        queue.node.advance(20)
    assert queue.drain() == ["news"] * 3, "two copies, and the one that was not deleted"
    with chaos(queue.at, topic, throttle={"rate": 1, "times": 1}):
        with pytest.raises(ClientError, match="Rate exceeded"):
            sns.publish(TopicArn=topic, Message="too much")
        patient = queue.node.client("sns", config={"retries": {"max_attempts": 2}})
        patient.publish(TopicArn=topic, Message="enough")
    assert queue.drain() == ["enough"]


def test_everything_it_did_is_in_the_story_of_the_message_and_in_the_log(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wakeful.fabric.chaos.running")
    with chaos(queue.at, queue.name, duplicate={"rate": 1, "apart_s": [3, 3]}, delay={"s": [2, 2]}) as which:
        (sent,) = queue.send("a")
        told = report(queue.at, which)["did"]
    assert {deed["subject"] for deed in told} == {sent}
    logged = [each.getMessage() for each in caplog.records if each.levelno == logging.INFO]
    assert len(logged) == 2, "though every transaction was rehearsed"
    assert all(sent in line and which in line for line in logged)
    queue.node.run(queue.node.node.telemetry.flush())
    notes = queue.node.run(queue.node.node.telemetry.notes_of(told[0]["trace"]))
    shown = timeline.lines([{name: getattr(note, name) for name in note.__slots__} for note in notes])
    assert sorted((line.depth, line.kind, line.what) for line in shown) == [
        (0, "call", f"sqs:SendMessage {queue.name}"),
        (1, "chaos", f"delay at sqs {queue.name}"),
        (1, "chaos", f"duplicate at sqs {queue.name}"),
    ]
    assert {line.facts for line in shown if line.kind == "chaos"} == {
        f"visible 2.000 s later ({which})",
        f"a copy 3.000 s after it ({which})",
    }


def test_it_happens_so_often_at_most_and_not_after_its_time(queue: Queue) -> None:
    asked = {"target": queue.arn, "faults": {"duplicate": {"apart_s": [0, 0], "times": 2}}, "for_s": 300}
    which = ask(queue.at, "POST", "", asked)[1]["id"]
    queue.send(*words(3))
    assert Counter(queue.drain()) == {"0": 2, "1": 2, "2": 1}
    ask(queue.at, "DELETE", f"/{which}")

    asked["faults"] = {"duplicate": {"apart_s": [0, 0]}}
    told = ask(queue.at, "POST", "", asked)[1]
    queue.node.advance(299)
    queue.send("before")
    queue.node.advance(1)
    queue.send("after")
    assert Counter(queue.drain()) == {"before": 2, "after": 1}
    assert queue.node.node.chaos.running == (), "it costs nothing any more"
    told = report(queue.at, told["id"])
    assert (told["is_running"], told["ended"]) == (False, told["until"])


def test_an_experiment_touches_its_own_account_and_region_alone(queue: Queue) -> None:
    other = Queue(queue.node, queue.node.client("sqs", key="111111111111"))
    west = Queue(queue.node, queue.node.client("sqs", region="eu-west-1"))
    asked = {"target": "queue:*", "account": "111111111111", "faults": {"redeliver": {"rate": 1}}}
    status, told = ask(queue.at, "POST", "", asked)
    assert (status, told["account"], told["target"]) == (200, "111111111111", "arn:aws:sqs:us-east-1:111111111111:*")
    for each in (queue, other, west):
        each.send("a")
    assert [each.drain() for each in (queue, other, west)] == [["a"], ["a", "a"], ["a"]]
    mine = ask(queue.at, "GET", "?account=000000000000")[1]["experiments"]
    assert told["id"] not in {each["id"] for each in mine}
    assert ask(queue.at, "DELETE", "?account=000000000000")[1] == {"ended": []}
    assert [each["id"] for each in ask(queue.at, "DELETE", "?account=111111111111")[1]["ended"]] == [told["id"]]


def test_targets_are_found_by_what_people_call_them(queue: Queue) -> None:
    sns = queue.node.client("sns")
    sns.create_topic(Name=queue.name)
    fifo = Queue(queue.node, queue.sqs, ".fifo")

    def target_of(target: str, **more: str) -> Any:
        status, told = ask(queue.at, "POST", "", {"target": target, "faults": {"throttle": {"rate": 0}}, **more})
        return told["target"] if status == 200 else (status, told["message"])

    assert target_of(queue.url) == queue.arn
    assert target_of(f"queue:{queue.name}") == queue.arn
    assert target_of(f"topic:{queue.name}") == queue.arn.replace("sqs", "sns")
    assert target_of("queue:q*") == "arn:aws:sqs:us-east-1:000000000000:q*"
    assert target_of("mapping:*") == "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:*"
    assert target_of(queue.name) == (
        400,
        f"there are several of that name: queue:{queue.name}, topic:{queue.name}",
    )
    assert target_of("nobody")[1] == "there is no queue or topic or function nobody in 000000000000, us-east-1"
    status, told = ask(queue.at, "POST", "", {"target": "mapping:*", "faults": {"delay": {"s": [0, 1]}}})
    assert (status, told["message"].rpartition(": ")[2]) == (400, "name the queues")
    assert target_of("q*")[1] == "say of what kind: queue:q*, topic:q*, function:q*, mapping:q*"
    assert target_of(queue.arn, account="111111111111")[1] == f"{queue.arn} is not in this account and region"
    assert target_of("arn:aws:s3:::bucket")[1] == "arn:aws:s3:::bucket names no account and region"
    status, told = ask(queue.at, "POST", "", {"target": fifo.name, "faults": {"duplicate": {}}})
    assert (status, told["message"].partition(": ")[2]) == (
        400,
        "FIFO gives each message once, and in order; redeliver is what may happen there",
    )
    assert ask(queue.at, "GET", "/nothing")[0] == 404
    assert ask(queue.at, "POST", "", [])[0] == 400


def test_who_is_elsewhere_begins_nothing(queue: Queue) -> None:
    asked = {"target": queue.arn, "faults": {"throttle": {}}}
    assert ask(queue.at, "POST", "", asked, Origin="https://elsewhere.example")[0] == 403
    assert ask(queue.at, "POST", "", asked, Host="elsewhere.example")[0] == 403


DOSES = {
    "duplicate": st.fixed_dictionaries(
        {"rate": st.sampled_from([0.3, 1]), "copies": st.integers(1, 3), "apart_s": st.just([0, 40])}
    ),
    "delay": st.fixed_dictionaries({"rate": st.sampled_from([0.5, 1]), "s": st.just([0, 100])}),
    "reorder": st.fixed_dictionaries({"rate": st.sampled_from([0.5, 1]), "window": st.integers(1, 5)}),
    "redeliver": st.fixed_dictionaries({"rate": st.sampled_from([0.3, 1])}),
}


@given(st.fixed_dictionaries({}, optional=DOSES).filter(bool), st.integers(0, 1000), st.integers(1, 8))
@examples(12, keeps_fixtures=True)
def test_under_any_experiment_every_message_comes_and_can_be_deleted(
    shared_node: RunningNode, faults: dict[str, Any], seed: int, number: int
) -> None:
    queue = Queue(shared_node, shared_node.client("sqs"))
    begun(queue.at, queue.arn, seed, **faults)
    entries = [{"Id": each, "MessageBody": each} for each in words(number)]
    queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert set(queue.drain()) == set(words(number))
    assert queue.is_empty()
    ask(queue.at, "DELETE")


@given(st.integers(0, 1000), st.lists(st.sampled_from("ab"), min_size=1, max_size=8))
@examples(8, keeps_fixtures=True)
def test_under_chaos_on_everything_a_fifo_queue_keeps_its_order(
    shared_node: RunningNode, seed: int, groups: list[str]
) -> None:
    queue = Queue(shared_node, shared_node.client("sqs"), ".fifo")
    everything = {fault: {"rate": 1} for fault in ("duplicate", "reorder", "redeliver")}
    begun(queue.at, "queue:*", seed, **everything, delay={"rate": 0.5, "s": [0, 100]})
    entries = [
        {"Id": str(number), "MessageBody": f"{group}{number}", "MessageGroupId": group}
        for number, group in enumerate(groups)
    ]
    queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    came = queue.drain()
    for group in set(groups):
        assert [each for each in came if each[0] == group] == [
            f"{each}{number}" for number, each in enumerate(groups) if each == group
        ]
    ask(queue.at, "DELETE")


@pytest.fixture
def state(engine: str, request: pytest.FixtureRequest) -> str | None:
    """Where a node of the test's own has its state: an empty database, or its data directory."""
    if engine == "sqlite":
        return None
    dsn, name = str(request.getfixturevalue("postgres_dsn")), f"chaos_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    return dsn.rpartition("/")[0] + f"/{name}"


def test_an_experiment_outlives_the_node_and_goes_on_where_it_was(tmp_path: Path, state: str | None) -> None:
    with running_node(tmp_path / "data", store=state) as node:
        queue = Queue(node, node.client("sqs"))
        faults: dict[str, Any] = {"duplicate": {"rate": 0.5, "apart_s": [0, 0]}, "reorder": {"rate": 0.5, "window": 3}}
        which = begun(queue.at, queue.arn, 7, **faults)["id"]
        queue.send(*words(4))
    with running_node(tmp_path / "data", store=state) as node:
        assert [each.id for each in node.node.chaos.running] == [which]
        again = Queue.__new__(Queue)
        again.__dict__.update(queue.__dict__, node=node, sqs=node.client("sqs"), at=node.endpoint)
        again.url = again.sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
        again.send(*words(4))
        told = report(node.endpoint, which)
        assert told["counts"]["duplicate"]["occasions"] == 8
        assert len(again.drain()) == 8 + told["counts"]["duplicate"]["times"]


def test_the_test_in_the_documentation_fails_where_a_consumer_is_not_idempotent(
    shared_node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"AWS_ENDPOINT_URL": shared_node.endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for name, value in {**given, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    page = (Path(__file__).parent.parent.parent / "docs" / "chaos.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0].replace("pytest.fixture", "contextlib.contextmanager")
    assert "without this line" in code

    def run(code: str) -> None:
        module: dict[str, Any] = {"contextlib": contextlib}
        exec(code, module)
        with module["chaos"]() as chaos:
            module["test_an_order_is_charged_once_however_often_it_comes"](chaos)

    run(code)
    with pytest.raises(AssertionError):
        run(code.replace('if message["Body"] not in charged:', "if True:"))
