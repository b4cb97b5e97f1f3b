"""Log events: taken in, read in both directions, and searched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.logs import groups, streams
from wakeful.services.logs.api import api
from wakeful.services.logs.errors import InvalidParameterException
from wakeful.services.logs.filter_pattern import compile_filter_pattern
from wakeful.services.logs.groups import Group
from wakeful.store.log_chunks import END_MS, Passage, Place, StoredEvent, size_of
from wakeful.store.telemetry import LogEvent
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import logs as shapes

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS


# --- taking in -------------------------------------------------------------------------------------------------------


@api.waits
async def put_log_events(call: Call, node: Node, request: shapes.PutLogEventsRequest) -> shapes.PutLogEventsResponse:
    """The events are on disk, but for those that are too old or too new, which the answer tells."""
    events = request["logEvents"]
    _check_batch(events)
    group = await node.store.read(_find_stream, call, request["logGroupName"], request["logStreamName"])
    now_ms = int(node.clock.now() * 1000)
    first, end, rejected = _acceptable(events, group, now_ms)
    accepted = [LogEvent(int(event["timestamp"]), event["message"]) for event in events[first:end]]
    if accepted and accepted[-1].timestamp_ms - accepted[0].timestamp_ms > _DAY_MS:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    if accepted:
        await node.telemetry.put_events(group.arn, request["logStreamName"], accepted)
    answer: shapes.PutLogEventsResponse = {"nextSequenceToken": f"{now_ms:056d}"}
    if rejected:
        answer["rejectedLogEventsInfo"] = rejected
    if "entity" in request:  # telemetry is not tied to entities here, and AWS has a word for that
        answer["rejectedEntityInfo"] = {"errorType": "UnsupportedLogGroupType"}
    return answer


def _find_stream(tx: Tx, call: Call, group_name: str, stream_name: str) -> Group:
    group = groups.find(tx, call, groups.arn_of(call, group_name))
    streams.find(tx, group, stream_name)
    return group


def _check_batch(events: Sequence[shapes.InputLogEvent]) -> None:
    size = 0
    latest = 0.0
    for event in events:
        event_size = size_of(event["message"])
        if event_size > limits.LOGS_BATCH_BYTES_MAX:
            raise InvalidParameterException(
                f"Log event too large: {event_size} bytes exceeds limit of {limits.LOGS_BATCH_BYTES_MAX}"
            )
        size += event_size
        if event["timestamp"] < latest:
            raise InvalidParameterException(
                "Log events in a single PutLogEvents request must be in chronological order."
            )
        latest = event["timestamp"]
    if size > limits.LOGS_BATCH_BYTES_MAX:
        raise InvalidParameterException(
            f"Upload too large: {size} bytes exceeds limit of {limits.LOGS_BATCH_BYTES_MAX}"
        )


def _acceptable(
    events: Sequence[shapes.InputLogEvent], group: Group, now_ms: int
) -> tuple[int, int, shapes.RejectedLogEventsInfo]:
    """Which of the events are taken (first, end), and what is told of the others ("PutLogEvents")."""
    too_old_ms = now_ms - limits.LOGS_EVENT_AGE_MAX_DAYS * _DAY_MS
    too_new_ms = now_ms + limits.LOGS_EVENT_AHEAD_MAX_S * 1000
    expired = sum(event["timestamp"] < group.oldest_ms(now_ms / 1000) for event in events)
    too_old = sum(event["timestamp"] < too_old_ms for event in events)
    end = sum(event["timestamp"] <= too_new_ms for event in events)
    rejected: shapes.RejectedLogEventsInfo = {}
    if end < len(events):
        rejected["tooNewLogEventStartIndex"] = end
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    return max(too_old, expired), end, rejected


# --- reading one stream ----------------------------------------------------------------------------------------------


@api.waits
async def get_log_events(call: Call, node: Node, request: shapes.GetLogEventsRequest) -> shapes.GetLogEventsResponse:
    """A page of one stream, and tokens for the pages before and after it. At an end the token stays the same."""
    group = await node.store.read(_find_in, call, groups.arn_in(call, request), request["logStreamName"])
    if "nextToken" in request:
        beyond, backward = streams.read_stream_token(request["nextToken"])
    else:
        beyond, backward = None, not request.get("startFromHead", False)
    passage = Passage(
        log=group.arn,
        streams=[request["logStreamName"]],
        start_ms=max(int(request.get("startTime", 0)), group.oldest_ms(node.clock.now())),
        end_ms=int(request.get("endTime", END_MS)),
        beyond=beyond,
        backward=backward,
    )
    page = await node.telemetry.page(passage, count=request.get("limit", limits.LOGS_EVENTS_MAX))
    events = page.events[::-1] if backward else page.events
    here = beyond or streams.START
    first, last = (events[0].place, events[-1].place) if events else (here, here)
    return {
        "events": [
            {"timestamp": event.timestamp_ms, "message": event.message, "ingestionTime": event.put_ms}
            for event in events
        ],
        "nextForwardToken": streams.forward_token(last),
        "nextBackwardToken": streams.backward_token(first),
    }


def _find_in(tx: Tx, call: Call, arn: str, stream_name: str) -> Group:
    group = groups.find(tx, call, arn)
    streams.find(tx, group, stream_name)
    return group


# --- searching a group -----------------------------------------------------------------------------------------------


@api.waits
async def filter_log_events(
    call: Call, node: Node, request: shapes.FilterLogEventsRequest
) -> shapes.FilterLogEventsResponse:
    """The events of a group that match, oldest or newest first. A page may be partly full or empty, and have a next."""
    matches = compile_filter_pattern(request.get("filterPattern", ""))
    group, wanted = await node.store.read(_find_searched, call, request)
    beyond, backward = _direction(request)
    passage = Passage(
        log=group.arn,
        streams=wanted,
        start_ms=max(int(request.get("startTime", 0)), group.oldest_ms(node.clock.now())),
        end_ms=min(int(request.get("endTime", END_MS)) + 1, END_MS),
        beyond=beyond,
        backward=backward,
    )
    found, last = await _search(node, passage, matches, request.get("limit", limits.LOGS_EVENTS_MAX))
    answer: shapes.FilterLogEventsResponse = {"events": [_filtered(event) for event in found], "searchedLogStreams": []}
    if last is not None:
        answer["nextToken"] = streams.page_token(int(backward), *last)
    return answer


async def _search(
    node: Node, passage: Passage, matches: Callable[[str], bool], limit: int
) -> tuple[list[StoredEvent], Place | None]:
    """Events of the passage that match, and how far it was searched; None for to its end."""
    found: list[StoredEvent] = []
    found_bytes = searched_bytes = 0
    while True:
        step = await node.telemetry.page(passage, count=limits.LOGS_EVENTS_MAX, bytes_max=limits.LOGS_SEARCH_STEP_BYTES)
        for event in step.events:
            searched_bytes += event.size
            if matches(event.message):
                found.append(event)
                found_bytes += event.size
            if len(found) == limit or found_bytes > limits.LOG_PAGE_BYTES_MAX:
                is_over = step.is_last and event is step.events[-1]
                return found, None if is_over else event.place
        if step.is_last:
            return found, None
        last = step.events[-1].place
        if searched_bytes > limits.LOGS_SEARCH_BYTES_MAX:
            return found, last
        passage = replace(passage, beyond=last)
        await asyncio.sleep(0)  # a long search lets others go first


def _find_searched(tx: Tx, call: Call, request: shapes.FilterLogEventsRequest) -> tuple[Group, Collection[str] | None]:
    """The group, and the streams that are searched; None for all of them."""
    group = groups.find(tx, call, groups.arn_in(call, request))
    if "logStreamNames" in request and "logStreamNamePrefix" in request:
        raise InvalidParameterException("logStreamNames and logStreamNamePrefix cannot both be specified.")
    if "logStreamNames" in request:
        streams.check_all_there(tx, group, request["logStreamNames"])
        return group, sorted(set(request["logStreamNames"]))
    if "logStreamNamePrefix" in request:
        return group, streams.names_with(tx, group, request["logStreamNamePrefix"])
    return group, None


def _direction(request: shapes.FilterLogEventsRequest) -> tuple[Place | None, bool]:
    """Where to go on, and whether backward. A token knows its own direction."""
    if "nextToken" in request:
        backward, *place = map(int, streams.read_page_token(request["nextToken"], int, int, int, int))
        return Place(*place), bool(backward)
    backward = not request.get("startFromHead", True)
    if backward and request.get("startTime", END_MS) < limits.LOGS_BACKWARD_START_MIN_MS:
        raise InvalidParameterException("startFromHead can be false only with a startTime on or after Jan 1, 2024.")
    return None, backward


def _filtered(event: StoredEvent) -> shapes.FilteredLogEvent:
    return {
        "logStreamName": event.stream,
        "timestamp": event.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.put_ms,
        "eventId": streams.event_id(event.place),
    }
