"""The table of Kinesis's operations that we have; the modules beside this one fill it."""

from __future__ import annotations

from wakeful.fabric.service import Operations

api = Operations("kinesis")
