"""SQS: send, and receive plus delete, with few and with very many messages waiting; beside peers and a bare insert."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import systems
from bench.subjects import SECONDS, load, or_told
from bench.systems import System

CONNECTIONS = (1, 16, 64)
WAITING = tuple(int(number) for number in os.environ.get("BENCH_WAITING", "1000,1000000").split(","))
FILL_S = float(os.environ.get("BENCH_FILL_S", "90"))
"""How long a queue is filled at most, through the API, ten messages at a time."""

BODY = "m" * 100


def queue() -> None:
    """Durable SendMessage, and ReceiveMessage with DeleteMessage, beside a bare SQLite insert and peers."""
    print("## SQS (100 bytes a message; ours verifies each signature and answers when it is on disk)\n")
    print("| system | messages waiting | what | connections | p50 ms | p99 ms | each second | of the bare insert |")
    print("|---|---|---|---|---|---|---|---|")
    floor = {callers: asyncio.run(_bare_inserts(callers)) for callers in CONNECTIONS}
    for callers, per_s in floor.items():
        print(f"| SQLite, one fsync for all who wait | | insert | {callers} | | | {per_s:.0f} | 1 |")
    for start in (systems.strict_wakeful, systems.ministack, systems.moto):
        with or_told(start) as system:
            if system is None:
                continue
            for waiting in WAITING:
                for line in _lines(system, waiting, floor):
                    print(f"| {system.name} | {line} |", flush=True)
    print()


def _lines(system: System, waiting: int, floor: dict[int, float]) -> Iterator[str]:
    """A queue with so many messages, then more and fewer of them. What is not answered at all is not asked again."""
    url = system.client("sqs").create_queue(QueueName=f"bench-{waiting}")["QueueUrl"]
    there, took = _filled(system, url, waiting)
    if there < waiting:
        yield f"{waiting:,} | could be filled with {there:,} within {took:.0f} s | | | | |"
        return
    yield f"{waiting:,} | fill, by ten | 16 | | | {there / took:.0f} | |"
    send = system.signer("sqs", "AmazonSQS.SendMessage").request(_json(QueueUrl=url, MessageBody=BODY))
    access = _json(key=system.access.key, secret=system.access.secret, url=url)
    for connections in CONNECTIONS:
        for what, found in (
            ("send", load(system, send, connections)),
            ("receive and delete", load(system, access, connections, kind="pairs")),
        ):
            share = found["per_s"] / floor[connections]
            yield (
                f"{waiting:,} | {what} | {connections} | {found['p50_ms']:.3f} | {found['p99_ms']:.3f} |"
                f" {found['per_s']:.0f} | {share:.3f}"
            )
            if not found["requests"]:
                return
    count = _json(QueueUrl=url, AttributeNames=["All"])
    ask = system.signer("sqs", "AmazonSQS.GetQueueAttributes").request(count)
    found = load(system, ask, 1, min(SECONDS, 1))
    yield f"{waiting:,} | count | 1 | {found['p50_ms']:.3f} | {found['p99_ms']:.3f} | {found['per_s']:.0f} |"


def _filled(system: System, url: str, waiting: int) -> tuple[int, float]:
    """How many messages are in the queue now, and how long it took."""
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(10)]
    request = system.signer("sqs", "AmazonSQS.SendMessageBatch").request(_json(QueueUrl=url, Entries=entries))
    there, seconds, begun = 0, 0.2, time.perf_counter()
    while there < waiting and time.perf_counter() - begun < FILL_S:
        found = load(system, request, 16, seconds)
        there += (found["requests"] - found["errors"]) * 10
        if there == 0:
            break
        seconds = min(5.0, max(0.1, (waiting - there) / (found["per_s"] * 10 or 1)))
    return there, time.perf_counter() - begun


def _json(**members: Any) -> bytes:
    return json.dumps(members).encode()


async def _bare_inserts(callers: int) -> float:
    """Durable inserts a second into one table, as fast as SQLite goes when all who wait share a commit."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as folder:
        db = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE m(seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < min(SECONDS, 2):
            db.execute("BEGIN IMMEDIATE")
            for _ in range(callers):
                db.execute("INSERT INTO m(body) VALUES (?)", (BODY,))
            db.execute("COMMIT")
            count += callers
        return count / (time.perf_counter() - begun)
