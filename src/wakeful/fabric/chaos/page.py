"""What people and programs say of experiments, below `/_wakeful/chaos`: begin, list, report, end.

POST   /_wakeful/chaos        {"target": …, "faults": {…}, "seed": …, "for_s": …, "account": …, "region": …}
GET    /_wakeful/chaos?account=&region=          every experiment, those that are over too
GET    /_wakeful/chaos/{id}?limit=               one, with what it did last
DELETE /_wakeful/chaos/{id}                      it is over
DELETE /_wakeful/chaos?account=&region=          all are
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.chaos import rows
from wakeful.fabric.chaos.experiment import Experiment, check_possible, wish_of
from wakeful.fabric.chaos.targets import Target, found
from wakeful.fabric.page import Unclear
from wakeful.fabric.service import Node
from wakeful.store.tx import Tx

_SHOWN = 20

log = logging.getLogger(__name__)


async def answer(
    node: Node, method: str, rest: str, query: Mapping[str, str], body: bytes, account: str | None = None
) -> Any:
    """For whoever asks, or for an account: what is not that account's is not there. None: there is no such thing.

    Raises Unclear.
    """
    if account is not None and query.get("account", account) != account:
        return None
    here = (account or query.get("account"), query.get("region"))
    if method == "POST" and not rest:
        return await _begin(node, body, account)
    if method == "GET":
        return await (_one(node, rest, query, account) if rest else _all(node, *here))
    return await _end(node, rest, account, *here) if method == "DELETE" else None


async def _begin(node: Node, body: bytes, account: str | None) -> Any:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unclear("send JSON") from error
    wish = wish_of(document)
    target = await found(node, wish.target, wish.account or account, wish.region)
    if account is not None and target.account != account:
        raise Unclear(f"{target.name} is another account's")
    check_possible(target.kind, target.name, wish.doses, is_ordered=target.is_ordered)
    target.check(wish.doses)
    seed = int(names.draw() * (1 << 31)) if wish.seed is None else wish.seed

    def begin(tx: Tx, experiment_id: str) -> dict[str, Any]:
        experiment = _experiment(target, experiment_id, tx.now)
        rows.begin(tx, experiment)
        return experiment.told(tx.now)

    def _experiment(target: Target, experiment_id: str, now: float) -> Experiment:
        return Experiment(
            id=experiment_id,
            account=target.account,
            region=target.region,
            kind=target.kind,
            target=target.name,
            targets=target.patterns,
            doses=wish.doses,
            seed=seed,
            since=now,
            until=None if wish.for_s is None else now + wish.for_s,
        )

    told: dict[str, Any] = await node.store.write(begin, names.new_token(4))
    await node.chaos.look(node.store)  # who hears the answer finds it running
    log.warning("the chaos experiment %s on %s has begun, with the seed %d", told["id"], told["target"], seed)
    return told


async def _all(node: Node, account: str | None, region: str | None) -> Any:
    def read(tx: Tx) -> list[dict[str, Any]]:
        return [_told(tx, each) for each in rows.every(tx, account, region)]

    return {"experiments": await node.store.read(read)}


async def _one(node: Node, experiment_id: str, query: Mapping[str, str], account: str | None) -> Any:
    limit = query.get("limit", str(_SHOWN))
    if not limit.isdecimal() or len(limit) > 9 or not 1 <= int(limit) <= limits.CHAOS_DEEDS_KEPT:
        raise Unclear(f"limit is a number from 1 to {limits.CHAOS_DEEDS_KEPT}")

    def read(tx: Tx) -> dict[str, Any] | None:
        experiment = rows.get(tx, experiment_id)
        if experiment is None or account not in (None, experiment.account):
            return None
        return {**_told(tx, experiment), "did": rows.deeds(tx, experiment_id, int(limit))}

    return await node.store.read(read)


async def _end(node: Node, experiment_id: str, mine: str | None, account: str | None, region: str | None) -> Any:
    def end(tx: Tx) -> list[dict[str, Any]] | None:
        if experiment_id:
            one = rows.get(tx, experiment_id)
            if one is None or mine not in (None, one.account):
                return None
            ending = [one] if one.is_running(tx.now) else []
        else:
            ending = list(rows.running(tx, account, region))
        for each in ending:
            rows.end(tx, each.id)
        return [_told(tx, each) for each in (rows.get(tx, every.id) for every in ending) if each is not None]

    ended = await node.store.write(end)
    if ended is None:
        return None
    await node.chaos.look(node.store)
    for each in ended:
        log.warning("the chaos experiment %s on %s was ended", each["id"], each["target"])
    return {"ended": ended}


def _told(tx: Tx, experiment: Experiment) -> dict[str, Any]:
    return {**experiment.told(tx.now), "counts": rows.counts(tx, experiment)}
