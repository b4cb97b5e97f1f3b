"""Log events: taken in, read from both ends, searched, and forgotten in time."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode
from wakeful import limits
from wakeful.store.telemetry import LogEvent

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:g"
DAY_MS = 86_400_000


@pytest.fixture
def logs(node: RunningNode) -> Any:
    client = node.client("logs")
    client.create_log_group(logGroupName="g")
    for name in ("s", "t"):
        client.create_log_stream(logGroupName="g", logStreamName=name)
    return client


@pytest.fixture
def now_ms(node: RunningNode) -> int:
    return int(node.node.clock.now() * 1000)


def put(logs: Any, *events: tuple[int, str], stream: str = "s") -> Any:
    return logs.put_log_events(
        logGroupName="g",
        logStreamName=stream,
        logEvents=[{"timestamp": timestamp, "message": message} for timestamp, message in events],
    )


def messages(answer: Any) -> list[str]:
    return [event["message"] for event in answer["events"]]


def get(logs: Any, **more: Any) -> Any:
    return logs.get_log_events(logGroupName="g", logStreamName="s", **more)


def refusal(call: Any, *args: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(*args, **request)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
    return str(refused.value.response["Error"]["Message"])


# --- taking in ---


def test_what_is_too_old_too_new_or_expired_is_left_out_and_told(node: RunningNode, logs: Any, now_ms: int) -> None:
    logs.put_retention_policy(logGroupName="g", retentionInDays=3)
    answer = put(logs, (now_ms - 15 * DAY_MS, "too old"), (now_ms - 4 * DAY_MS, "expired"), (now_ms, "kept"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}
    answer = put(logs, (now_ms, "kept too"), (now_ms + 7_260_000, "too new"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert "rejectedLogEventsInfo" not in put(logs, (now_ms + 1, "all of it"))
    assert messages(get(logs, startFromHead=True)) == ["kept", "kept too", "all of it"]


def test_a_batch_that_breaks_a_rule_is_refused_as_a_whole(logs: Any, now_ms: int) -> None:
    assert "chronological order" in refusal(put, logs, (now_ms, "b"), (now_ms - 1, "a"))
    assert "cannot span more than 24 hours" in refusal(put, logs, (now_ms - DAY_MS - 1, "a"), (now_ms, "b"))
    assert refusal(put, logs, (now_ms, "x" * limits.LOGS_BATCH_BYTES_MAX)) == (
        "Log event too large: 1048602 bytes exceeds limit of 1048576"
    )
    half = "x" * (limits.LOGS_BATCH_BYTES_MAX // 2)
    assert refusal(put, logs, (now_ms, half), (now_ms, half)) == (
        "Upload too large: 1048628 bytes exceeds limit of 1048576"
    )
    assert "10000" in refusal(put, logs, *[(now_ms, "m")] * 10_001)
    assert messages(get(logs)) == []


def test_sequence_tokens_are_given_and_ignored_and_entities_are_not_taken(logs: Any, now_ms: int) -> None:
    token = put(logs, (now_ms, "a"))["nextSequenceToken"]
    for each in (token, "0", token):
        answer = logs.put_log_events(
            logGroupName="g",
            logStreamName="s",
            logEvents=[{"timestamp": now_ms, "message": "m"}],
            sequenceToken=each,
            entity={"keyAttributes": {"Type": "Service", "Name": "n"}},
        )
        assert answer["rejectedEntityInfo"] == {"errorType": "UnsupportedLogGroupType"}
    assert len(messages(get(logs))) == 4


# --- reading one stream ---


def test_a_stream_is_read_from_its_end_unless_told_otherwise(logs: Any, now_ms: int) -> None:
    put(logs, *[(now_ms + number, str(number)) for number in range(10)])
    put(logs, (now_ms, "another stream's"), stream="t")
    assert messages(get(logs, limit=3)) == ["7", "8", "9"]
    assert messages(get(logs, limit=3, startFromHead=True)) == ["0", "1", "2"]
    assert messages(get(logs, startTime=now_ms + 2, endTime=now_ms + 5)) == ["2", "3", "4"]
    event = get(logs, limit=1)["events"][0]
    assert event["timestamp"] == now_ms + 9
    assert event["ingestionTime"] >= now_ms


def test_tokens_lead_in_both_directions_and_stay_the_same_at_the_ends(logs: Any, now_ms: int) -> None:
    put(logs, *[(now_ms + number // 2, str(number)) for number in range(5)])
    page = get(logs, limit=2, startFromHead=True)
    seen = messages(page)
    while True:
        following = get(logs, limit=2, startFromHead=True, nextToken=page["nextForwardToken"])
        if following["nextForwardToken"] == page["nextForwardToken"]:
            break
        seen += messages(following)
        page = following
    assert seen == ["0", "1", "2", "3", "4"]
    assert messages(following) == []
    put(logs, (now_ms + 9, "later"))
    assert messages(get(logs, nextToken=following["nextForwardToken"])) == ["later"]
    back = get(logs, limit=3, nextToken=following["nextBackwardToken"])
    assert messages(back) == ["1", "2", "3"], "what comes before the last event seen"
    back = get(logs, limit=3, nextToken=back["nextBackwardToken"])
    assert messages(back) == ["0"]
    at_end = get(logs, limit=3, nextToken=back["nextBackwardToken"])
    assert (messages(at_end), at_end["nextBackwardToken"]) == ([], back["nextBackwardToken"])
    assert messages(get(logs, limit=1, nextToken=at_end["nextForwardToken"])) == ["1"]


def test_an_empty_stream_has_tokens_with_which_later_events_are_found(logs: Any, now_ms: int) -> None:
    page = get(logs)
    put(logs, (now_ms, "first"))
    assert messages(get(logs, nextToken=page["nextForwardToken"])) == ["first"]
    assert messages(get(logs, nextToken=page["nextBackwardToken"])) == []
    for token in ("nonsense", "f/12/s", page["nextForwardToken"][:-1]):
        assert refusal(get, logs, nextToken=token) == "The specified nextToken is invalid."


def test_a_page_holds_no_more_than_a_megabyte(logs: Any, now_ms: int) -> None:
    for number in range(3):
        put(logs, *[(now_ms + number, str(number) * 100_000)] * 4)
    page = get(logs, startFromHead=True)
    assert len(page["events"]) == 10
    assert len(get(logs, nextToken=page["nextForwardToken"])["events"]) == 2


# --- searching a group ---


def test_a_search_interleaves_the_streams_and_names_them(logs: Any, now_ms: int) -> None:
    put(logs, (now_ms, "ERROR 1"), (now_ms + 2, "fine"), (now_ms + 3, "ERROR 2"))
    put(logs, (now_ms + 1, "ERROR 3"), stream="t")
    answer = logs.filter_log_events(logGroupName="g", filterPattern="ERROR")
    assert messages(answer) == ["ERROR 1", "ERROR 3", "ERROR 2"]
    assert [event["logStreamName"] for event in answer["events"]] == ["s", "t", "s"]
    assert len({event["eventId"] for event in answer["events"]}) == 3
    assert answer["searchedLogStreams"] == []
    assert "nextToken" not in answer

    def found(**more: Any) -> list[str]:
        return messages(logs.filter_log_events(logGroupIdentifier=ARN, **more))

    assert found(startFromHead=False) == ["ERROR 2", "fine", "ERROR 3", "ERROR 1"]
    assert found(logStreamNames=["t"]) == ["ERROR 3"]
    assert found(logStreamNamePrefix="s") == ["ERROR 1", "fine", "ERROR 2"]
    assert found(logStreamNamePrefix="none") == []
    assert found(startTime=now_ms + 1, endTime=now_ms + 2) == ["ERROR 3", "fine"], "the end is included"
    assert found(startTime=now_ms + 1, endTime=(1 << 63) - 1) == found(startTime=now_ms + 1)
    assert found(filterPattern="{ $.level = 1 }") == []


@pytest.mark.parametrize("head", [True, False])
def test_a_search_goes_on_page_by_page(logs: Any, now_ms: int, head: bool) -> None:
    put(logs, *[(now_ms + number, f"{'hit' if number % 3 == 0 else 'miss'} {number}") for number in range(30)])
    pages = list(
        logs.get_paginator("filter_log_events").paginate(
            logGroupName="g", filterPattern="hit", startFromHead=head, PaginationConfig={"PageSize": 4}
        )
    )
    expected = [f"hit {number}" for number in range(0, 30, 3)]
    assert [message for page in pages for message in messages(page)] == (expected if head else expected[::-1])
    assert max(len(page["events"]) for page in pages) == 4


def test_a_search_that_looked_at_much_answers_and_can_be_continued(
    logs: Any, now_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOGS_SEARCH_STEP_BYTES", 3000)
    monkeypatch.setattr(limits, "LOGS_SEARCH_BYTES_MAX", 5000)
    for number in range(20):
        put(logs, (now_ms + number, f"{number} {'x' * 1000}"))
    put(logs, (now_ms + 50, "needle"))
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName="g", filterPattern="needle"))
    assert len(pages) > 3
    assert messages(pages[0]) == []
    assert messages(pages[-1]) == ["needle"]


def test_a_search_that_makes_no_sense_is_refused(logs: Any) -> None:
    search = logs.filter_log_events
    assert "cannot both" in refusal(search, logGroupName="g", logStreamNames=["s"], logStreamNamePrefix="s")
    assert refusal(search, logGroupName="g", filterPattern="a:b") == "Invalid character(s) in term ':'"
    assert refusal(search, logGroupName="g", nextToken="x") == "The specified nextToken is invalid."
    assert "2024" in refusal(search, logGroupName="g", startTime=1, startFromHead=False)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        search(logGroupName="g", logStreamNames=["s", "none"])


# --- forgetting ---


def test_events_are_no_longer_seen_when_their_retention_ends_and_then_swept(
    node: RunningNode, logs: Any, now_ms: int
) -> None:
    logs.put_retention_policy(logGroupName="g", retentionInDays=1)
    put(logs, (now_ms - DAY_MS + 60_000, "goes soon"))
    put(logs, (now_ms, "stays"))
    node.advance(61)
    assert messages(get(logs)) == ["stays"]
    assert messages(logs.filter_log_events(logGroupName="g")) == ["stays"]
    assert node.run(node.node.telemetry.extents(ARN))[0].stored_bytes == 26 + 9 + 26 + 5
    node.advance(limits.SWEEP_S)
    node.settle()
    assert node.run(node.node.telemetry.extents(ARN))[0].stored_bytes == 26 + 5


def test_deleted_events_do_not_come_back_with_the_name(node: RunningNode, logs: Any, now_ms: int) -> None:
    put(logs, (now_ms, "old"))
    logs.delete_log_stream(logGroupName="g", logStreamName="s")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    assert messages(get(logs)) == []
    put(logs, (now_ms, "old"))
    logs.delete_log_group(logGroupName="g")

    async def somebody_still_writes() -> None:
        node.node.telemetry.log(ARN, "s", [LogEvent(now_ms, "nobody's")])
        await node.node.telemetry.flush()

    node.run(somebody_still_writes())
    node.advance(1)
    logs.create_log_group(logGroupName="g")
    assert messages(logs.filter_log_events(logGroupName="g")) == []


def test_what_belongs_to_no_group_is_swept(node: RunningNode, logs: Any, now_ms: int) -> None:
    async def somebody_writes() -> list[str]:
        node.node.telemetry.log(f"{ARN}-gone", "s", [LogEvent(now_ms, "nobody's")])
        return await node.node.telemetry.log_names()

    assert node.run(somebody_writes()) == [f"{ARN}-gone"]
    put(logs, (now_ms, "m"))
    node.advance(limits.SWEEP_S + 1)
    node.settle()
    assert node.run(node.node.telemetry.log_names()) == [ARN]
