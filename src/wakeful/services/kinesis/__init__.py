"""Kinesis Data Streams: shards of records, in order."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service
from wakeful.services.kinesis import stream_operations
from wakeful.services.kinesis.api import api

service = Service(operations=api, schema=(Path(__file__).parent / "schema.sql").read_text())

__all__ = ["service", "stream_operations"]
