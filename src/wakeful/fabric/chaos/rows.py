"""Experiments as rows: they outlive the node, count what they did, and end by themselves."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric.chaos.experiment import Experiment, Place, doses_from_json, doses_to_json
from wakeful.fabric.page import Unclear
from wakeful.fabric.service import Done, Node, Worker
from wakeful.store import work
from wakeful.store.tx import Row, Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS fabric_experiments(
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    target  TEXT NOT NULL,
    targets BLOB NOT NULL,
    doses   BLOB NOT NULL,
    seed    BIGINT NOT NULL,
    since   REAL NOT NULL,
    until   REAL,
    ended   REAL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS fabric_tallies( -- how often chance was asked, and how often it said yes
    experiment TEXT NOT NULL,
    fault      TEXT NOT NULL,
    place      TEXT NOT NULL,
    asked      INTEGER NOT NULL,
    done       INTEGER NOT NULL,
    PRIMARY KEY (experiment, fault, place)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS fabric_deeds( -- what experiments did last
    experiment TEXT NOT NULL,
    number     INTEGER NOT NULL,
    at         REAL NOT NULL,
    fault      TEXT NOT NULL,
    place      TEXT NOT NULL,
    subject    TEXT NOT NULL,          -- the id of a message, or of a request
    trace      TEXT NOT NULL,
    what       TEXT NOT NULL,
    PRIMARY KEY (experiment, number)
) WITHOUT ROWID
"""

CHANGED = "fabric.chaos"
"""Woken when an experiment begins or ends."""

_END = "fabric.chaos.end"
_TABLES = {"fabric_experiments": "id", "fabric_tallies": "experiment", "fabric_deeds": "experiment"}

log = logging.getLogger(__name__)


def begin(tx: Tx, experiment: Experiment) -> None:
    """It runs from now on. Raises Unclear where too many do."""
    here = (experiment.account, experiment.region)
    tx.lock("fabric", "experiments", *here)
    if len(running(tx, *here)) >= limits.CHAOS_RUNNING_MAX:
        raise Unclear(f"{limits.CHAOS_RUNNING_MAX} experiments run already; end one first")
    _forget_old(tx, *here)
    tx.run(
        "INSERT INTO fabric_experiments(id, account, region, kind, target, targets, doses, seed, since, until)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(experiment.id, *here, experiment.kind, experiment.target, orjson.dumps(experiment.targets)),
        *(orjson.dumps(doses_to_json(experiment.doses)), experiment.seed, experiment.since, experiment.until),
    )
    if experiment.until is not None:
        work.put(tx, _END, {"experiment": experiment.id}, due=experiment.until, name=f"{_END}/{experiment.id}")
    tx.wake(CHANGED)


def end(tx: Tx, experiment_id: str, at: float | None = None) -> None:
    """It does nothing any more; what it did can still be asked for."""
    tx.lock("fabric", experiment_id)
    tx.run(
        "UPDATE fabric_experiments SET ended = ? WHERE id = ? AND ended IS NULL",
        *(tx.now if at is None else at, experiment_id),
    )
    work.drop(tx, f"{_END}/{experiment_id}")
    tx.wake(CHANGED)


def get(tx: Tx, experiment_id: str) -> Experiment | None:
    row = tx.one("SELECT * FROM fabric_experiments WHERE id = ?", experiment_id)
    return None if row is None else _experiment(row)


def running(tx: Tx, account: str | None = None, region: str | None = None) -> tuple[Experiment, ...]:
    """The oldest first; of one account and region, or of all."""
    return tuple(each for each in every(tx, account, region) if each.is_running(tx.now))


def every(tx: Tx, account: str | None = None, region: str | None = None) -> list[Experiment]:
    """Those that are over, too."""
    rows = tx.all("SELECT * FROM fabric_experiments ORDER BY since, id")
    found = map(_experiment, rows)
    return [each for each in found if account in (None, each.account) and region in (None, each.region)]


def ask(tx: Tx, experiment: Experiment, fault: str, place: Place) -> int:
    """Which occasion this is at the place, counted from one. Everybody who comes here comes one after the other."""
    tx.lock("fabric", experiment.id)
    row = tx.one(
        "INSERT INTO fabric_tallies(experiment, fault, place, asked, done) VALUES (?, ?, ?, 1, 0)"
        " ON CONFLICT(experiment, fault, place) DO UPDATE SET asked = fabric_tallies.asked + 1 RETURNING asked",
        *(experiment.id, fault, place.name),
    )
    assert row is not None
    return int(row["asked"])


def times(tx: Tx, experiment: Experiment, fault: str) -> int:
    """How often it has happened, at all its places."""
    row = tx.one(
        "SELECT coalesce(sum(done), 0) AS done FROM fabric_tallies WHERE experiment = ? AND fault = ?",
        *(experiment.id, fault),
    )
    return 0 if row is None else int(row["done"])


def did(tx: Tx, experiment: Experiment, fault: str, place: Place, subject: str, trace: str, what: str) -> None:
    """It has happened once more, to the subject: a message or a request."""
    tx.run(
        "UPDATE fabric_tallies SET done = done + 1 WHERE experiment = ? AND fault = ? AND place = ?",
        *(experiment.id, fault, place.name),
    )
    last = tx.one("SELECT max(number) AS number FROM fabric_deeds WHERE experiment = ?", experiment.id)
    number = 1 + ((last["number"] if last is not None else None) or 0)
    tx.run(
        "INSERT INTO fabric_deeds(experiment, number, at, fault, place, subject, trace, what)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(experiment.id, number, tx.now, fault, place.name, subject, trace, what),
    )
    tx.run(
        "DELETE FROM fabric_deeds WHERE experiment = ? AND number <= ?",
        *(experiment.id, number - limits.CHAOS_DEEDS_KEPT),
    )


def counts(tx: Tx, experiment: Experiment) -> dict[str, dict[str, int]]:
    """By fault: on how many occasions it might have happened, and on how many it did."""
    rows = tx.all(
        "SELECT fault, sum(asked) AS asked, sum(done) AS done FROM fabric_tallies WHERE experiment = ?"
        " GROUP BY fault ORDER BY fault",
        experiment.id,
    )
    counted = {row["fault"]: {"occasions": int(row["asked"]), "times": int(row["done"])} for row in rows}
    return {fault: counted.get(fault, {"occasions": 0, "times": 0}) for fault in experiment.doses}


def deeds(tx: Tx, experiment_id: str, limit: int) -> list[dict[str, Any]]:
    """What it did last, the latest first."""
    rows = tx.all("SELECT * FROM fabric_deeds WHERE experiment = ? ORDER BY number DESC LIMIT ?", experiment_id, limit)
    told = ("number", "at", "fault", "place", "subject", "trace", "what")
    return [{name: row[name] for name in told} for row in rows]


def _forget_old(tx: Tx, account: str, region: str) -> None:
    over = [each for each in every(tx, account, region) if not each.is_running(tx.now)]
    for gone in over[: max(0, len(over) - limits.CHAOS_ENDED_KEPT)]:
        work.drop(tx, f"{_END}/{gone.id}")
        for table, column in _TABLES.items():
            tx.run(f"DELETE FROM {table} WHERE {column} = ?", gone.id)  # noqa: S608 - names of ours


async def _end_due(node: Node, item: work.Item) -> Done:
    experiment = await node.store.read(get, item.body["experiment"])
    if experiment is None:
        return Done()
    log.info("the chaos experiment %s on %s is over", experiment.id, experiment.target)
    return Done(lambda tx: end(tx, experiment.id, experiment.until))


worker = Worker(_END, _end_due, slots=1, is_lazy=True)


def _experiment(row: Row) -> Experiment:
    kept = {each.name: row[each.name] for each in dataclasses.fields(Experiment)}
    doses = doses_from_json(orjson.loads(row["doses"]))
    return Experiment(**{**kept, "targets": tuple(orjson.loads(row["targets"])), "doses": doses})
