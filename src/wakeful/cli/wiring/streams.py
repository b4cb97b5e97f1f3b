"""Checks of functions that follow the streams of tables and of Kinesis: what holds them up, and what passes them by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from wakeful.cli.wiring.dead_letters import grave_for, sending
from wakeful.cli.wiring.findings import Hit, command, counted, duration, listed
from wakeful.cli.wiring.model import SourceMapping, Wiring, short, unqualified

_TABLE_RETENTION_S = 86_400
_READERS_MAX = 2
_READERS_OF_REPLICAS_MAX = 1
_TRIES = 10


def _following(wiring: Wiring) -> Iterator[SourceMapping]:
    """Every mapping on a stream that is at work."""
    return (mapping for mapping in wiring.mappings if mapping.is_of_stream and mapping.is_enabled)


def _retention_s(wiring: Wiring, mapping: SourceMapping) -> int | None:
    """For how long its stream keeps a record; None where that was not read."""
    if ":dynamodb:" in mapping.source:
        return _TABLE_RETENTION_S
    stream = wiring.streams.get(mapping.origin)
    return None if stream is None else stream.retention_s


def _updated(mapping: SourceMapping, **settings: Any) -> str:
    return command("lambda update-event-source-mapping", uuid=mapping.uuid, **settings)


def _gives_up(wiring: Wiring, mapping: SourceMapping, **settings: Any) -> str:
    """How the mapping gets these settings, and a queue for what it gives up where it has none."""
    if mapping.on_failure:
        return _updated(mapping, **settings)
    grave, making = grave_for(wiring, mapping.origin)
    function = wiring.functions.get(mapping.function)
    rights = sending(wiring, function, grave) if function else ()
    given = _updated(mapping, **settings, destination_config={"OnFailure": {"Destination": grave}})
    return " && ".join((making, *rights, given))


# --- what fails -----------------------------------------------------------------------------------------------------


def _is_endless(mapping: SourceMapping) -> bool:
    return mapping.tries_max is None and mapping.age_s is None


def given_up_unseen(wiring: Wiring) -> Iterator[Hit]:
    for mapping in _following(wiring):
        if mapping.on_failure or _is_endless(mapping):
            continue
        bounds = [] if mapping.tries_max is None else [f"after {counted(mapping.tries_max + 1, 'try', 'tries')}"]
        bounds += [] if mapping.age_s is None else [f"when it is {duration(mapping.age_s)} old"]
        yield Hit(
            mapping.arn,
            f"What {short(mapping.function)} cannot handle of {short(mapping.source)} is dropped "
            f"{' or '.join(bounds)}, and nobody knows which records it was.",
            _gives_up(wiring, mapping),
        )


def blocked(wiring: Wiring) -> Iterator[Hit]:
    for mapping in _following(wiring):
        if not _is_endless(mapping):
            continue
        kept_s = _retention_s(wiring, mapping)
        until = f"for {duration(kept_s)}" if kept_s else "until the stream forgets it"
        lost = "" if mapping.on_failure else ", and are lost without a trace when their time is over"
        yield Hit(
            mapping.arn,
            f"A record for which {short(mapping.function)} always fails is tried {until}; those behind it in its "
            f"shard of {short(mapping.source)} wait{lost}.",
            _gives_up(wiring, mapping, maximum_retry_attempts=_TRIES, bisect_batch_on_function_error=True),
        )


def whole_batch_again(wiring: Wiring) -> Iterator[Hit]:
    for mapping in _following(wiring):
        if mapping.batch > 1 and not mapping.reports_items and not mapping.halves and not _is_endless(mapping):
            yield Hit(
                mapping.arn,
                f"One record for which {short(mapping.function)} fails has all of its batch, up to {mapping.batch:,}, "
                "run again, and given up with it.",
                _updated(mapping, bisect_batch_on_function_error=True),
            )


def forgotten_first(wiring: Wiring) -> Iterator[Hit]:
    for mapping in _following(wiring):
        kept_s = _retention_s(wiring, mapping)
        if kept_s is None or mapping.age_s is None or mapping.age_s <= kept_s:
            continue
        remedy = _updated(mapping, maximum_record_age_in_seconds=kept_s)
        if ":kinesis:" in mapping.source:
            remedy = command(
                "kinesis increase-stream-retention-period",
                stream_name=wiring.streams[mapping.origin].name,
                retention_period_hours=-(-mapping.age_s // 3600),
            )
        yield Hit(
            mapping.arn,
            f"It gives up what is {duration(mapping.age_s)} old, and {short(mapping.source)} keeps records for "
            f"{duration(kept_s)}: what was not handled by then is gone.",
            remedy,
        )


def window_of_one_batch(wiring: Wiring) -> Iterator[Hit]:
    for mapping in _following(wiring):
        if 0 < mapping.tumbling_s <= mapping.window_s:
            yield Hit(
                mapping.arn,
                f"Records are gathered for {duration(mapping.window_s)} and a window lasts "
                f"{duration(mapping.tumbling_s)}: hardly more than one batch comes in it, and no state goes on to "
                "another.",
                _updated(mapping, maximum_batching_window_in_seconds=0),
            )


# --- what carries nothing -------------------------------------------------------------------------------------------


def closed(wiring: Wiring) -> Iterator[Hit]:
    for mapping in _following(wiring):
        table = wiring.tables.get(mapping.origin)
        if table is None or table.stream == mapping.source:
            continue
        away = command("lambda delete-event-source-mapping", uuid=mapping.uuid)
        again = command(
            "lambda create-event-source-mapping",
            event_source_arn=table.stream,
            function_name=mapping.target,
            starting_position="TRIM_HORIZON",
        )
        now = f"writes to {table.stream} now" if table.stream else "writes to no stream any more"
        yield Hit(
            mapping.arn,
            f"It follows {mapping.source}, and {short(table.arn)} {now}: {short(mapping.function)} gets nothing new.",
            f"{away} && {again}" if table.stream else f"enable the table's stream and follow that, and: {away}",
        )


def unfollowed(wiring: Wiring) -> Iterator[Hit]:
    if "mappings" in wiring.unread:
        return
    followed = {mapping.source for mapping in wiring.mappings}
    for table in wiring.tables.values():
        if table.stream and table.stream not in followed and not table.has_replicas:
            yield Hit(
                table.arn,
                "Its stream is enabled and no function follows it: unless somebody reads it otherwise, nobody learns "
                "of its changes.",
                command("dynamodb update-table", table_name=table.name, stream_specification={"StreamEnabled": False}),
            )


def crowded(wiring: Wiring) -> Iterator[Hit]:
    readers: defaultdict[str, list[SourceMapping]] = defaultdict(list)
    for mapping in _following(wiring):
        if ":dynamodb:" in mapping.source:
            readers[mapping.source].append(mapping)
    for source, those in readers.items():
        table = wiring.tables.get(those[0].origin)
        most = _READERS_OF_REPLICAS_MAX if table is not None and table.has_replicas else _READERS_MAX
        if len(those) > most:
            names = listed(short(unqualified(each.function)) for each in those)
            yield Hit(
                those[0].origin,
                f"{counted(len(those), 'mapping')} read its stream ({names}), and DynamoDB is made for {most} at each "
                "shard: those beyond are throttled, and all fall behind.",
                "have one function follow it and tell the others, by a topic for instance: "
                + command("lambda list-event-source-mappings", event_source_arn=source),
            )
