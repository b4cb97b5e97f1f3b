"""Configuration: one value, read once at the start and handed down. Nothing else reads flags or the environment."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

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
class Smtp:
    """A server that takes e-mail."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    is_tls: bool
    """TLS from the first byte."""
    sender: str | None
    """The address that mail comes from."""

    @property
    def start_tls(self) -> bool | None:
        """Whether the connection must turn to TLS; None turns where the server can.

        A password leaves this machine under TLS only.
        """
        if self.is_tls:
            return False
        return True if self.password is not None and not _is_loopback(self.host) else None

    @property
    def address(self) -> str:
        """For people, with no password."""
        return f"{'smtps' if self.is_tls else 'smtp'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Config:
    """How one node runs."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 takes a free one."""
    store: str | None = field(default=None, repr=False)
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
    smtp_relay: str | None = field(default=None, repr=False)
    """smtp://user:password@host:port or smtps://…, where e-mail goes out; None keeps it in the inbox."""
    smtp_from: str | None = None
    """The address that mail comes from that goes out; None is AWS's."""
    trust: Path | None = None
    """A file of certificates (PEM) that vouch for HTTPS endpoints, beside those that this machine trusts."""
    internal_endpoints: bool | None = None
    """Whether topics may send to addresses that are not public. None: on loopback they may, beyond it they may not."""
    limit_shards: bool = False
    """Whether a shard of a data stream takes and gives no more in a second than on AWS."""
    table_delay_s: float = 0.0
    """For how long tables of DynamoDB are CREATING, UPDATING and DELETING; 0: nobody who looks finds them so."""
    throttle_tables: bool = False
    """Whether a DynamoDB table refuses more than it has provisioned."""
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
    def smtp(self) -> Smtp | None:
        """Where e-mail goes out. Raises ValueError where `smtp_relay` is no such address."""
        return None if self.smtp_relay is None else _smtp(self.smtp_relay, self.smtp_from)

    @property
    def has_internal_endpoints(self) -> bool:
        return self.is_loopback if self.internal_endpoints is None else self.internal_endpoints

    @property
    def iam_mode(self) -> IamMode:
        return self.iam or ("audit" if self.is_loopback else "enforce")


@lru_cache
def _smtp(url: str, sender: str | None) -> Smtp:
    parts = urlsplit(url)
    is_tls = parts.scheme == "smtps"
    rest = parts.path.removeprefix("/") + parts.query + parts.fragment
    try:
        port = parts.port or (465 if is_tls else 25)
    except ValueError:
        port = None  # it may be a part of the password, which nobody is told
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or rest or port is None:
        raise ValueError("a relay is smtp://[user:password@]host[:port], or smtps:// for TLS from the first byte")
    return Smtp(
        host=parts.hostname,
        port=port,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        is_tls=is_tls,
        sender=sender,
    )


@lru_cache
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name that may resolve to anything
