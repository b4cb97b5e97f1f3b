"""The table of CloudWatch's operations; `operations.py` fills it."""

from __future__ import annotations

from wakeful.fabric.service import Operations

api = Operations("cloudwatch")
