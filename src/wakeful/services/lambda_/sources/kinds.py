"""What a kind of source lets its mappings say: one value for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of source: what its mappings can say, what they say unless told otherwise, and what must hold."""

    name: str
    members: tuple[str, ...]
    defaults: Mapping[str, Any]
    check: Callable[[str, Config], None]
    rights: tuple[str, ...]
    """What the function's role must be allowed to do with the source."""

    json_only: str = ""
    """The member of its records into which filters look only as JSON."""

    is_stream: bool = False
    """Whether it is followed, shard by shard, and not drawn from."""

    changed_by_user: str = "USER_INITIATED"
    """How `StateTransitionReason` says that whoever owns it changed it."""
