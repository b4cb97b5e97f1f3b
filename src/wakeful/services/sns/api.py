"""Where the functions that answer the API meet."""

from __future__ import annotations

from wakeful.fabric.service import Operations

api = Operations("sns")
