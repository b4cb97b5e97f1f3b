"""Leases: which node does a thing that only one may do. The holder renews; when it lapses, another takes over.

Leases count in wall time, which the caller hands in: a node that moves its own clock forward is still alive.
"""

from __future__ import annotations

from wakeful.store.tx import Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS lease_holders(
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  REAL NOT NULL
) WITHOUT ROWID
"""


def hold(tx: Tx, name: str, holder: str, *, wall: float, for_s: float) -> bool:
    """Whether `holder` has the lease now. It takes a lease that is free or has lapsed, and renews its own."""
    tx.lock("lease", name)
    row = tx.one("SELECT holder, until FROM lease_holders WHERE name = ?", name)
    if row is not None and row["holder"] != holder and row["until"] > wall:
        return False
    tx.run(
        "INSERT INTO lease_holders(name, holder, until) VALUES (?, ?, ?)"
        " ON CONFLICT(name) DO UPDATE SET holder = excluded.holder, until = excluded.until",
        name,
        holder,
        wall + for_s,
    )
    return True


def give_up(tx: Tx, name: str, holder: str) -> None:
    """The lease is free, if `holder` had it."""
    tx.lock("lease", name)
    tx.run("DELETE FROM lease_holders WHERE name = ? AND holder = ?", name, holder)


def holders(tx: Tx, prefix: str, *, wall: float) -> list[str]:
    """Who holds a lease whose name begins with `prefix` and has not lapsed."""
    rows = tx.all("SELECT name, holder FROM lease_holders WHERE until > ? ORDER BY name", wall)
    return [row["holder"] for row in rows if row["name"].startswith(prefix)]


def forget_lapsed(tx: Tx, prefix: str, *, before: float) -> None:
    """No lease is left whose name begins with `prefix` and which lapsed before that moment."""
    for row in tx.all("SELECT name FROM lease_holders WHERE until < ?", before):
        if row["name"].startswith(prefix):
            tx.lock("lease", row["name"])
            tx.run("DELETE FROM lease_holders WHERE name = ? AND until < ?", row["name"], before)
