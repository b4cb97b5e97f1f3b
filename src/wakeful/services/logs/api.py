"""The table of CloudWatch Logs' operations; the files that have them fill it."""

from __future__ import annotations

from wakeful.fabric.service import Operations

api = Operations("logs")
