"""What others deliver to a stream: each event is one record."""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.services.kinesis import measuring, records
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.errors import InvalidArgumentException, ValidationException
from wakeful.store.tx import Tx


def accept(tx: Tx, delivery: Delivery) -> None:
    """The event is in the stream; its group is its partition key, where it has one. Refused: missing, too large."""
    stream = streams.get(tx, delivery.target_arn)
    if stream is None:
        raise Refused(f"the stream {delivery.target_arn} does not exist", "NO_RESOURCE")
    key = delivery.group_id or delivery.id
    if len(key) > limits.KINESIS_KEY_CHARS_MAX:
        raise Refused(f"a partition key of {len(key)} characters is too long", "INVALID_PARAMETER")
    given = records.given(key, delivery.body.encode())
    try:
        records.check(stream, given)
    except (InvalidArgumentException, ValidationException) as error:
        raise Refused(error.message, "INVALID_PARAMETER") from error
    stream, there = records.put(tx, stream, [given], delivery.effects)
    if there[0].sequence is None:
        raise Refused(f"rate exceeded for shard {there[0].shard.name}", "THROTTLING")
    for sample in measuring.put(stream, tx.now, [given], there, is_single=True):
        tx.note(sample)
