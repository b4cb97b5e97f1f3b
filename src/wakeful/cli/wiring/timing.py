"""Checks of times and tries: how long a message is hidden, how often it comes, and what comes with it."""

from __future__ import annotations

from collections.abc import Iterator

from wakeful.cli.wiring.findings import Hit, command, compact, counted, duration
from wakeful.cli.wiring.model import Function, Queue, SourceMapping, Wiring, short

_RECEIVES_MIN = 5
_RECEIVES_MANY = 100
_TIMES = 6
_VISIBILITY_MAX_S = 43_200
_DEFAULT_TIMEOUT_S = 3


def _read(wiring: Wiring) -> Iterator[tuple[SourceMapping, Queue, Function]]:
    """Every mapping that is at work, with both its ends."""
    for mapping in wiring.mappings:
        queue, function = wiring.queues.get(mapping.source), wiring.functions.get(mapping.function)
        if queue is not None and function is not None and mapping.is_enabled:
            yield mapping, queue, function


def _receives(queue: Queue, count: int) -> str:
    policy = compact({"deadLetterTargetArn": queue.dead_letter, "maxReceiveCount": str(count)})
    return command("sqs set-queue-attributes", queue_url=queue.url, attributes={"RedrivePolicy": policy})


def _hides(queue: Queue, seconds: int) -> str:
    return command("sqs set-queue-attributes", queue_url=queue.url, attributes={"VisibilityTimeout": str(seconds)})


def visibility_below_timeout(wiring: Wiring) -> Iterator[Hit]:
    for mapping, queue, function in _read(wiring):
        if queue.visibility_s < function.timeout_s:
            wanted = _TIMES * function.timeout_s + mapping.window_s
            yield Hit(
                queue.arn,
                f"A message is hidden for {duration(queue.visibility_s)} and {short(function.arn)} may take "
                f"{duration(function.timeout_s)}: it is handed out again while it is still being handled.",
                _hides(queue, min(_VISIBILITY_MAX_S, wanted)),
            )


def visibility_below_six_timeouts(wiring: Wiring) -> Iterator[Hit]:
    for mapping, queue, function in _read(wiring):
        wanted = min(_VISIBILITY_MAX_S, _TIMES * function.timeout_s + mapping.window_s)
        if function.timeout_s <= queue.visibility_s < wanted:
            window = f" plus the window of {duration(mapping.window_s)}" if mapping.window_s else ""
            yield Hit(
                queue.arn,
                f"A message is hidden for {duration(queue.visibility_s)}; six times the timeout of "
                f"{short(function.arn)}{window} are {duration(wanted)}. Throttled for a while, a batch becomes visible "
                "again before it was handled, and is handled twice.",
                _hides(queue, wanted),
            )


def few_receives(wiring: Wiring) -> Iterator[Hit]:
    for queue in _distinct(wiring):
        if queue.dead_letter and queue.receives_max < _RECEIVES_MIN:
            yield Hit(
                queue.arn,
                f"A message is given up after {counted(queue.receives_max, 'receive')}, and each time that Lambda is "
                "throttled counts as one.",
                _receives(queue, _RECEIVES_MIN),
            )


def many_receives(wiring: Wiring) -> Iterator[Hit]:
    for queue in _distinct(wiring):
        lasts_s = queue.receives_max * queue.visibility_s
        if queue.dead_letter and queue.receives_max > _RECEIVES_MANY and lasts_s < queue.retention_s:
            yield Hit(
                queue.arn,
                f"A message that always fails is tried {counted(queue.receives_max, 'time')} within "
                f"{duration(lasts_s)} before it is put aside, and each try is paid for.",
                _receives(queue, _RECEIVES_MIN),
            )


def never_given_up(wiring: Wiring) -> Iterator[Hit]:
    for queue in _distinct(wiring):
        lasts_s = queue.receives_max * queue.visibility_s
        if queue.dead_letter and lasts_s >= queue.retention_s:
            yield Hit(
                queue.arn,
                f"Its dead-letter queue gets nothing: {counted(queue.receives_max, 'receive')} of "
                f"{duration(queue.visibility_s)} take {duration(lasts_s)}, and a message is deleted after "
                f"{duration(queue.retention_s)}.",
                _receives(queue, _RECEIVES_MIN),
            )


def whole_batch_fails(wiring: Wiring) -> Iterator[Hit]:
    for mapping, queue, function in _read(wiring):
        if mapping.batch > 1 and not mapping.reports_items and not _is_one_try(mapping, queue):
            yield Hit(
                mapping.arn,
                f"Where {short(function.arn)} fails for one message of {short(queue.arn)}, all of its batch, up to "
                f"{mapping.batch:,}, come again, those that were handled too.",
                f"return batchItemFailures, and: {_reports(mapping)}",
            )


def one_try_for_a_batch(wiring: Wiring) -> Iterator[Hit]:
    for mapping, queue, function in _read(wiring):
        if _is_one_try(mapping, queue):
            yield Hit(
                mapping.arn,
                f"One message for which {short(function.arn)} fails takes up to {counted(mapping.batch - 1, 'other')} "
                f"of its batch to {short(queue.dead_letter or '')} at once: maxReceiveCount is 1.",
                f"return batchItemFailures, and: {_reports(mapping)} && {_receives(queue, _RECEIVES_MIN)}",
            )


def _is_one_try(mapping: SourceMapping, queue: Queue) -> bool:
    return mapping.batch > 1 and not mapping.reports_items and bool(queue.dead_letter) and queue.receives_max == 1


def _reports(mapping: SourceMapping) -> str:
    return command(
        "lambda update-event-source-mapping", uuid=mapping.uuid, function_response_types="ReportBatchItemFailures"
    )


def default_timeout(wiring: Wiring) -> Iterator[Hit]:
    for mapping in wiring.mappings:
        function = wiring.functions.get(mapping.function)
        if function is None or not mapping.is_enabled or wiring.is_missing(mapping.source):
            continue
        if function.timeout_s <= _DEFAULT_TIMEOUT_S and mapping.batch > 1:
            things = "records" if mapping.is_of_stream else "messages"
            each_ms = function.timeout_s * 1000 / mapping.batch
            yield Hit(
                function.arn,
                f"Its timeout of {duration(function.timeout_s)} is for a whole batch of {short(mapping.source)}: "
                f"{each_ms:,.1f} ms for each of {mapping.batch:,} {things}, after a cold start less.",
                command("lambda update-function-configuration", function_name=function.name, timeout=30),
            )


def _distinct(wiring: Wiring) -> list[Queue]:
    """The queues that functions read, once each."""
    return list({queue.arn: queue for _, queue, _ in _read(wiring)}.values())
