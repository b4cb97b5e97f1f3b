"""Configuration: one value, read once at the start and handed down. Nothing else reads flags or the environment."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

IamMode = Literal["off", "audit", "enforce"]
Isolation = Literal["auto", "A", "B", "C", "none"]

DEFAULT_PORT = 4566
DEFAULT_RECORD_MB = 256
RECORD_HOURS_MAX = 7 * 24


def default_home() -> Path:
    """Where this user's Wakeful keeps what all its nodes share: WAKEFUL_HOME, else where such data belongs."""
    if home := os.environ.get("WAKEFUL_HOME"):
        return Path(home).absolute()
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data, "wakeful").absolute()


@dataclass(frozen=True, slots=True)
class Config:
    """How one node runs."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 takes a free one."""
    store: str | None = None
    """postgresql://…, where rows are kept; None keeps them in `data_dir`. Blobs are in `data_dir` either way."""
    iam: IamMode | None = None
    """None: audit on loopback, enforce beyond it."""
    isolation: Isolation = "auto"
    memory_mb: int | None = None
    """What all functions together may hold; None: most of what is available when the node starts."""
    record_mb: int = DEFAULT_RECORD_MB
    """How much of past events and answers is kept, so that they can be run again; 0 keeps none."""
    record_hours: int = RECORD_HOURS_MAX
    """For how long."""
    runtime_fallback: bool = False
    """Whether a function whose runtime is absent runs on the nearest version of its language."""
    trust: Path | None = None
    """A file of certificates (PEM) that vouch for HTTPS endpoints, beside those that this machine trusts."""
    internal_endpoints: bool | None = None
    """Whether topics may send to addresses that are not public. None: on loopback they may, beyond it they may not."""
    home: Path = field(default_factory=default_home)
    """What `wakeful runtimes add` got is in its folder `runtimes`."""
    rehearse: bool = False
    """Every transaction is run twice, the first time undone; for tests."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the node. Asked with every request."""
        return _is_loopback(self.host)

    @property
    def state(self) -> str:
        """Where the state is, for people: of a database its address, and no password."""
        if self.store is None:
            return str(self.data_dir.resolve())
        parts = urlsplit(self.store)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

    @property
    def has_internal_endpoints(self) -> bool:
        return self.is_loopback if self.internal_endpoints is None else self.internal_endpoints

    @property
    def iam_mode(self) -> IamMode:
        return self.iam or ("audit" if self.is_loopback else "enforce")


@lru_cache
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name that may resolve to anything
