"""Durable SendMessage, beside a bare SQLite insert and a peer."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from pathlib import Path

from bench import systems
from bench.subjects import SECONDS, load, or_told


def queue() -> None:
    """Durable SendMessage, beside a bare SQLite insert and a peer."""
    print("## SQS SendMessage (durable: answered when it is on disk)\n")
    print("| system | callers | p50 ms | messages/s | of the bare insert |")
    print("|---|---|---|---|---|")
    floor = {callers: asyncio.run(_bare_inserts(callers)) for callers in (1, 64)}
    for callers, per_s in floor.items():
        print(f"| SQLite, one fsync for all who wait | {callers} | | {per_s:.0f} | 1 |")
    for start in (systems.wakeful, systems.ministack):
        with or_told(start) as system:
            if system is None:
                continue
            url = system.client("sqs").create_queue(QueueName="bench")["QueueUrl"]
            body = json.dumps({"QueueUrl": url, "MessageBody": "m" * 100}).encode()
            headers = {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "application/x-amz-json-1.0"}
            request = system.request("sqs", "/", body, headers)
            for callers in (1, 64):
                found = load(system, request, callers)
                share = found["per_s"] / floor[callers]
                print(f"| {system.name} | {callers} | {found['p50_ms']:.3f} | {found['per_s']:.0f} | {share:.3f} |")
    print()


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
                db.execute("INSERT INTO m(body) VALUES (?)", ("m" * 100,))
            db.execute("COMMIT")
            count += callers
        return count / (time.perf_counter() - begun)
