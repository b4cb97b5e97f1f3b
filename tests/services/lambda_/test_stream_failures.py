"""Mappings on streams: what becomes of what fails, and of what nobody will have. Only runs are made up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.lambda_.stream_stage import HERE, Stage, data_of, failing, letters, numbers_of, queue
from wakeful import limits
from wakeful.environments.version import Throttled
from wakeful.fabric import journal

pytestmark = pytest.mark.slow


def test_a_failed_batch_comes_again_and_holds_its_shard_back_until_it_goes_well(stage: Stage) -> None:
    stage.write(journal.open_shard, stage.arn, "s1")
    stage.answer = failing("bad")
    uuid = stage.map()
    stage.put("other", shard="s1")
    stage.node.settle()
    stage.put("bad", "behind")
    stage.node.settle()
    stage.put("later")
    assert stage.batches()[:2] == [["other"], ["bad", "behind"]]
    assert ["later"] not in stage.batches()
    assert stage.shown(uuid)["LastProcessingResult"] == "PROBLEM: Function call failed"
    stage.answer = lambda event: None
    stage.node.advance(40)
    assert stage.batches()[-2:] == [["bad", "behind"], ["later"]]
    assert stage.shown(uuid)["LastProcessingResult"] == "OK"


def test_after_its_last_attempt_a_batch_is_given_up_and_the_destination_told(stage: Stage) -> None:
    url, arn = queue(stage)
    stage.answer = failing("bad")
    stage.map(MaximumRetryAttempts=2, DestinationConfig={"OnFailure": {"Destination": arn}})
    numbers = stage.put("bad", "too")
    stage.node.settle()
    stage.node.advance(5)
    stage.put("good")
    assert stage.batches() == [["bad", "too"]] * 3 + [["good"]]
    (letter,) = letters(stage, url)
    assert letter["requestContext"] == {
        "requestId": letter["requestContext"]["requestId"],
        "functionArn": f"arn:aws:lambda:{HERE}:function:{stage.name}",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 3,
    }
    assert letter["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    told = letter["KinesisBatchInfo"]
    assert (told["shardId"], told["batchSize"], told["streamArn"]) == ("s0", 2, stage.arn)
    assert [told["startSequenceNumber"], told["endSequenceNumber"]] == [str(each) for each in numbers]


def test_a_bucket_has_the_payload_too(stage: Stage) -> None:
    stage.node.client("s3").create_bucket(Bucket=stage.name)
    stage.answer = failing("bad")
    more = {"DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{stage.name}"}}}
    uuid = stage.map(MaximumRetryAttempts=0, **more)
    stage.put("bad")
    stage.node.settle()
    (found,) = stage.node.client("s3").list_objects_v2(Bucket=stage.name)["Contents"]
    assert found["Key"].startswith(f"aws/lambda/{uuid}/s0/")
    body = stage.node.client("s3").get_object(Bucket=stage.name, Key=found["Key"])["Body"].read()
    assert json.loads(json.loads(body)["payload"]) == stage.events[0]


def test_bisecting_finds_what_is_bad_and_counts_no_attempt(stage: Stage) -> None:
    url, arn = queue(stage)
    stage.answer = failing("4")
    more = {"DestinationConfig": {"OnFailure": {"Destination": arn}}}
    stage.map(BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, **more)
    stage.put(*"01234567")
    stage.node.settle()
    stage.node.advance(5)
    well = [data for batch in stage.batches() if "4" not in batch for data in batch]
    assert well == list("0123567")
    assert stage.batches().count(["4"]) == 2
    (letter,) = letters(stage, url)
    assert letter["KinesisBatchInfo"]["batchSize"] == 1


def test_what_is_reported_as_failed_comes_again_with_all_that_is_behind_it(stage: Stage) -> None:
    def answer(event: dict[str, Any]) -> Any:
        found = [n for n, data in zip(numbers_of(event), data_of(event), strict=True) if data in bad]
        return {"batchItemFailures": [{"itemIdentifier": n} for n in reversed(found)]}

    bad = "ce"

    stage.answer = answer
    uuid = stage.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    stage.put(*"abcdef")
    stage.node.settle()
    assert stage.checkpoints(uuid)["s0", 0].pending[0].attempts >= 1
    bad = "e"
    stage.node.advance(40)
    bad = ""
    stage.node.advance(40)
    distinct = [batch for at, batch in enumerate(stage.batches()) if batch != stage.batches()[at - 1]]
    assert distinct == [list("abcdef"), list("cdef"), list("ef")]


def test_what_is_too_old_is_given_up_unseen_or_after_it_failed(stage: Stage) -> None:
    url, arn = queue(stage)
    stage.put("old")
    stage.node.advance(120)
    stage.put("bad", "too")
    stage.answer = failing("bad")
    more = {"DestinationConfig": {"OnFailure": {"Destination": arn}}}
    stage.map(MaximumRecordAgeInSeconds=60, **more)
    stage.node.settle()
    stage.node.advance(120)
    stage.put("good")
    assert stage.batches()[-1] == ["good"]
    assert not any("old" in batch for batch in stage.batches())
    told = letters(stage, url)
    assert [each["requestContext"]["condition"] for each in told] == ["RecordAgeExceeded"] * 2
    counts = [each["requestContext"]["approximateInvokeCount"] for each in told]
    assert (min(counts), max(counts) > 1) == (0, True)


def test_what_an_older_clock_wrote_takes_nothing_younger_with_it(stage: Stage) -> None:
    def behind(tx: Any) -> None:
        tx.lock("journal", stage.arn)
        tx.run("UPDATE journal_entries SET at = at - 3600 WHERE seq = ?", older)

    _, older, _ = stage.put("a", "b", "c")
    stage.write(behind)
    stage.map(MaximumRecordAgeInSeconds=60)
    assert stage.batches() == [["a", "b", "c"]]


def test_a_bucket_has_the_whole_event_of_a_window(stage: Stage) -> None:
    stage.node.client("s3").create_bucket(Bucket=stage.name)
    stage.answer = failing("bad")
    more = {"DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{stage.name}"}}}
    stage.map(MaximumRetryAttempts=0, TumblingWindowInSeconds=900, **more)
    stage.put("bad")
    stage.node.settle()
    (found,) = stage.node.client("s3").list_objects_v2(Bucket=stage.name)["Contents"]
    body = stage.node.client("s3").get_object(Bucket=stage.name, Key=found["Key"])["Body"].read()
    assert json.loads(json.loads(body)["payload"]) == stage.events[0]


def test_what_is_throttled_counts_as_no_attempt(stage: Stage) -> None:
    def throttled(event: dict[str, Any]) -> None:
        if is_throttled:
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")

    is_throttled = True
    stage.answer = throttled
    uuid = stage.map(MaximumRetryAttempts=0)
    stage.put("a")
    stage.node.settle()
    assert stage.shown(uuid)["LastProcessingResult"] == "PROBLEM: Rate Exceeded."
    stage.node.advance(5)
    is_throttled = False
    stage.node.advance(11)
    assert (stage.tries > 2, stage.batches()) == (True, [["a"]])


def test_a_stream_that_is_gone_is_told_and_harms_nobody(stage: Stage) -> None:
    uuid = stage.map()
    stage.journals.is_gone = True
    stage.put("a")
    assert stage.batches() == []
    assert stage.shown(uuid)["LastProcessingResult"] == f"PROBLEM: Stream not found: {stage.arn}"


def test_a_story_that_came_through_too_many_functions_ends_and_holds_nobody_back(stage: Stage) -> None:
    uuid = stage.map()
    stage.put("looped", hops=limits.HOPS_MAX)
    stage.node.settle()
    assert (stage.batches(), stage.checkpoints(uuid)["s0", 0].pending) == ([], ())
    assert stage.shown(uuid)["LastProcessingResult"].startswith("PROBLEM: Lambda has detected")
    stage.put("good")
    assert stage.batches() == [["good"]]
