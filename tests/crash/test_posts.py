"""SIGKILL while messages are on their way to an HTTP endpoint: every one that was published arrives."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.conftest import CRASHES
from tests.node_process import NodeProcess
from tests.services.sns.receiver import Receiver, receiver

pytestmark = pytest.mark.slow

ENOUGH_S = 60


@pytest.fixture
def node(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> NodeProcess:
    """It runs no functions, and need not find out whether it could confine them."""
    flags = ["--store", request.getfixturevalue("database")] if engine == "postgres" else []
    return NodeProcess(tmp_path / "data", "--isolation", "none", *flags)


def arrived(hook: Receiver) -> set[str]:
    return {each.headers["x-amz-sns-message-id"] for each in list(hook.got)}


def wait_until(what: str, is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + ENOUGH_S
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


def test_what_was_published_reaches_the_endpoint_though_the_node_is_killed_while_it_sends(node: NodeProcess) -> None:
    node.start()
    sns = node.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    policy = {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 100}}
    with receiver() as hook:
        sns.subscribe(
            TopicArn=topic, Protocol="http", Endpoint=hook.url, Attributes={"DeliveryPolicy": json.dumps(policy)}
        )
        wait_until("the question", lambda: hook.got)
        hook.confirm()
        published: set[str] = set()
        for crash in range(max(1, CRASHES // 5)):
            struck = threading.Event()
            hook.answers = [(500, {})] * 3
            hook.while_answering = struck.set
            entries = [{"Id": str(number), "Message": f"{crash}/{number}"} for number in range(10)]
            for _ in range(3):
                answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
                published.update(one["MessageId"] for one in answer["Successful"])
            assert struck.wait(ENOUGH_S)
            node.kill()
            node.start()
        wait_until("the last message", lambda: published <= arrived(hook))
        assert arrived(hook) == published
    assert node.stop() == 0
