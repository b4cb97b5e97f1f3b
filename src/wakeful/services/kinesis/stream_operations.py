"""Streams as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.fabric.service import Call
from wakeful.services.kinesis.api import api
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import kinesis as shapes


@api.reads
def list_streams(call: Call, tx: Tx, request: shapes.ListStreamsInput) -> shapes.ListStreamsOutput:
    rows = tx.all(
        "SELECT name FROM kinesis_streams WHERE account = ? AND region = ? ORDER BY name", call.account, call.region
    )
    return {"StreamNames": [row["name"] for row in rows], "HasMoreStreams": False}
