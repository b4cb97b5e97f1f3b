"""What a service tells about itself below `/_wakeful/`: what AWS has no API for, such as a bill."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wakeful.fabric.service import Node

Page = Callable[[Node, str, Mapping[str, str]], Awaitable[Any]]
"""The rest of the path and the query come in; something for JSON goes out, or None where there is no such thing."""


class Unclear(Exception):
    """The request makes no sense; its text says why."""
