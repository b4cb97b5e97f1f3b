"""Receipt handles: what names a message and one receive of it."""

from __future__ import annotations

import base64
import re
from contextlib import suppress

from wakeful import names
from wakeful.services.sqs.errors import ReceiptHandleIsInvalid
from wakeful.services.sqs.queue import Queue

_TOLD = re.compile(rb"([0-9]{1,18}) ([0-9]{1,18}) ([0-9a-f]{1,64})")


def handle_of(queue: Queue, seq: int, ticket: str) -> str:
    """A receipt handle: names the message and this one receive of it; another at every receive."""
    return base64.b64encode(f"{queue.lasting_id} {seq} {ticket}".encode()).decode()


def new_ticket(now: float) -> str:
    """Of one receive: nobody guesses it, and it says when that was."""
    return f"{names.new_token(8)}{int(now * 1000):x}"


def received_at(ticket: str) -> float:
    """When the receive was; of a ticket of an earlier version, that it was just now."""
    told = ticket[16:]
    return int(told, 16) / 1000 if told else float("inf")


def parse(queue: Queue, handle: str) -> tuple[int, str]:
    """The message's place and the receive's ticket. Raises ReceiptHandleIsInvalid for what we never gave out."""
    with suppress(ValueError):  # told below, in AWS's words
        told = _TOLD.fullmatch(base64.b64decode(handle, validate=True))
        if told is not None and int(told[1]) == queue.lasting_id:
            return int(told[2]), told[3].decode()
    raise ReceiptHandleIsInvalid(f'The input receipt handle "{handle}" is not a valid receipt handle.')
