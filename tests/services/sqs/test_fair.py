"""Fair queues: who is noisy, and whose messages go first."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode, running_node
from tests.services.cloudwatch.test_of_services import totals
from wakeful.services.sqs.fair import Share, Shares, judged

QUIET = Shares(0.0, 0, 0.0, {})


class Tenants:
    """A standard queue and what its tenants do."""

    def __init__(self, node: RunningNode, name: str) -> None:
        self.node = node
        self.sqs = node.client("sqs")
        attributes = {"VisibilityTimeout": "600"}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def send(self, count: int, tenant: str | None) -> None:
        group = {} if tenant is None else {"MessageGroupId": tenant}
        for begin in range(0, count, 10):
            entries = [{"Id": str(each), "MessageBody": "m", **group} for each in range(begin, min(begin + 10, count))]
            assert "Failed" not in self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def receive(self, count: int) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []
        while len(got) < count:
            asked = {"MaxNumberOfMessages": min(10, count - len(got)), "MessageSystemAttributeNames": ["All"]}
            answer = self.sqs.receive_message(QueueUrl=self.url, **asked).get("Messages", [])
            if not answer:
                break
            got += answer
        return got

    def whose(self, count: int) -> list[str]:
        return [each["Attributes"].get("MessageGroupId", "-") for each in self.receive(count)]


@pytest.fixture
def tenants(shared_node: RunningNode, request: pytest.FixtureRequest) -> Iterator[Tenants]:
    yield Tenants(shared_node, f"q{zlib.crc32(request.node.name.encode())}")


def test_the_messages_of_quiet_tenants_go_before_the_backlog_of_a_noisy_one(tenants: Tenants) -> None:
    tenants.send(60, "noisy")
    assert set(tenants.whose(31)) == {"noisy"}
    tenants.send(2, "quiet")
    tenants.send(1, None)
    tenants.send(1, "other")
    tenants.node.advance(1)
    assert tenants.whose(5) == ["quiet", "quiet", "-", "other", "noisy"]
    assert Counter(tenants.whose(40)) == {"noisy": 28}


def test_order_is_as_ever_while_nobody_is_noisy(tenants: Tenants) -> None:
    tenants.send(20, "a")
    assert len(tenants.whose(5)) == 5
    tenants.send(1, "b")
    tenants.node.advance(1)
    assert tenants.whose(16) == ["a"] * 15 + ["b"]


def test_of_several_noisy_tenants_the_one_with_the_fewest_in_flight_goes_first(tenants: Tenants) -> None:
    tenants.send(45, "a")
    tenants.send(41, "b")
    assert Counter(tenants.whose(80)) == {"a": 45, "b": 35}
    tenants.send(2, "a")
    tenants.node.advance(1)
    assert tenants.whose(2) == ["b", "b"]


def test_a_tenant_that_has_sent_nothing_for_five_minutes_is_quiet_again(tenants: Tenants) -> None:
    tenants.send(60, "once")
    tenants.receive(40)
    tenants.node.advance(301)
    tenants.send(1, "later")
    tenants.node.advance(1)
    assert tenants.whose(1) == ["once"]


def test_messages_that_show_themselves_again_are_found_among_those_of_the_quiet(tenants: Tenants) -> None:
    tenants.send(1, "quiet")
    (early,) = tenants.receive(1)
    tenants.send(60, "noisy")
    tenants.receive(40)
    tenants.node.advance(1)
    assert set(tenants.whose(5)) == {"noisy"}
    tenants.sqs.change_message_visibility(
        QueueUrl=tenants.url, ReceiptHandle=early["ReceiptHandle"], VisibilityTimeout=0
    )
    tenants.node.advance(1)
    assert tenants.whose(2) == ["quiet", "noisy"]


def test_what_the_quiet_have_is_measured_beside_what_all_have(tenants: Tenants) -> None:
    name = tenants.url.rpartition("/")[2]
    tenants.send(50, "noisy")
    tenants.receive(35)
    tenants.send(3, "quiet")
    tenants.node.advance(1)
    tenants.receive(1)
    tenants.node.advance(61)
    told = totals(tenants.node, "AWS/SQS", QueueName=name)
    assert {key: value for key, value in told.items() if "Groups" in key and "Age" not in key} == {
        "ApproximateNumberOfNoisyGroups": 1,
        "ApproximateNumberOfMessagesVisibleInQuietGroups": 2,
        "ApproximateNumberOfMessagesNotVisibleInQuietGroups": 1,
        "ApproximateNumberOfMessagesDelayedInQuietGroups": 0,
    }
    assert told["ApproximateNumberOfMessagesVisible"] == 17
    assert told["ApproximateAgeOfOldestMessage"] >= told["ApproximateAgeOfOldestMessageInQuietGroups"] >= 61


@pytest.mark.slow
def test_it_is_the_same_on_postgresql(tmp_path: Path, postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as db:
        db.execute("CREATE DATABASE fair")
    with running_node(tmp_path / "data", store=postgres_dsn.rpartition("/")[0] + "/fair") as node:
        tenants = Tenants(node, "fair")
        test_the_messages_of_quiet_tenants_go_before_the_backlog_of_a_noisy_one(tenants)
        node.advance(61)
        told = totals(node, "AWS/SQS", QueueName="fair")
        assert told["ApproximateNumberOfMessagesVisible"] == 0
        assert told["ApproximateNumberOfNoisyGroups"] == 0
        tenants.sqs.purge_queue(QueueUrl=tenants.url)
        tenants.sqs.delete_queue(QueueUrl=tenants.url)
        with pytest.raises(tenants.sqs.exceptions.QueueDeletedRecently):
            tenants.sqs.create_queue(QueueName="fair")


# --- the rule --------------------------------------------------------------------------------------------------------


def noisy(shares: Shares) -> set[str]:
    return set(shares.noisy)


def test_a_tenant_with_few_slow_messages_is_noisy_by_its_processing_time() -> None:
    before = judged(QUIET, 0.0, {"slow": 2, None: 8})
    assert noisy(before) == set()
    assert noisy(judged(before, 60.0, {"slow": 2, None: 8})) == {"slow"}


def test_thirty_of_many_are_not_noisy_and_neither_are_many_of_few() -> None:
    assert noisy(judged(QUIET, 0.0, {"a": 30, None: 271})) == set()
    assert noisy(judged(QUIET, 0.0, {"a": 29})) == set()
    assert noisy(judged(QUIET, 0.0, {"a": 31, None: 270})) == {"a"}


def test_who_was_noisy_stays_so_until_its_shares_are_small() -> None:
    loud = judged(QUIET, 0.0, {"a": 40, None: 10})
    assert noisy(judged(loud, 1.0, {"a": 5, None: 10})) == {"a"}
    assert noisy(judged(judged(loud, 1.0, {None: 50}), 600.0, {None: 50})) == set()


counts = st.dictionaries(st.sampled_from([None, *"abcdefghijklmnop"]), st.integers(1, 500), max_size=16)


@examples(100)
@given(looks=st.lists(st.tuples(st.floats(0, 500), counts), max_size=8))
def test_whoever_is_noisy_has_more_than_a_tenth_of_something(
    looks: list[tuple[float, dict[str | None, int]]],
) -> None:
    shares = QUIET
    for passed_s, in_flight in looks:
        shares = judged(shares, shares.at + passed_s, in_flight)
        for tenant in shares.noisy:
            share: Share = shares.tenants[tenant]
            assert share.in_flight > shares.in_flight / 10 or share.busy_s > shares.busy_s / 10
        for group, number in in_flight.items():
            if group is not None and number >= 30 and number > shares.in_flight / 10:
                assert group in shares.noisy
        assert sum(each.busy_s for each in shares.tenants.values()) <= shares.busy_s + 1e-6
