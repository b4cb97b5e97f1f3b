"""What becomes of a table by and by: CREATING ends, an update takes effect, what is DELETING is gone.

With the node's delay (`--table-delay`) such an end is a row of work, due then. Without one, which is how nodes are
unless told otherwise, it comes in the transaction of its beginning: the answer shows the state, and who looks next
finds it over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from wakeful.fabric.parts import Parts
from wakeful.fabric.service import Done, Node, Worker
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.copies import recovery
from wakeful.services.dynamodb.regions import group
from wakeful.services.dynamodb.streams import stream
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import backfill, definition, policies, spaces, ttl
from wakeful.store import work
from wakeful.store.tx import Tx

KIND = "dynamodb.states"


class Then(TypedDict, total=False):
    """What is true when it is over."""

    settled: bool
    """The table is ACTIVE, and what was made with it."""
    set: Mapping[str, Any]
    """Members of the definition; None for what it does not have any more."""
    indexes: Mapping[str, Mapping[str, Any]]
    """Members of its global indexes, by their names."""
    filled: str
    """The index of that name is being filled."""
    dropped: str
    """There is no index of that name."""
    gone: bool
    """There is no such table."""


def later(tx: Tx, found: Table, then: Then) -> None:
    """What `then` says is true after the node's delay. Whoever calls has locked the table."""
    delay_s = tx.parts.table_delay_s if isinstance(tx.parts, Parts) else 0.0
    if delay_s:
        work.put(tx, KIND, {"arn": found.arn, "id": found.id, "then": then}, due=tx.now + delay_s)
    else:
        _come_true(tx, found.arn, found.id, then)


def remove(tx: Tx, found: Table) -> None:
    """There is no such table; what it held is being deleted, and its stream is closed."""
    recovery.deleted(tx, found)
    group.leave(tx, found)
    for each in (found.space, *(index.space for index in found.indexes)):
        spaces.leave(tx, each)
    if found.stream_arn is not None:
        stream.disabled(tx, found)
    for arn in (found.arn, found.stream_arn):
        if arn is not None:
            policies.forget(tx, arn)
    ttl.forget(tx, found)
    tx.run("DELETE FROM dynamodb_tables WHERE arn = ?", found.arn)
    tx.wake(table.CHANGED)


def with_indexes(found: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The definition's global indexes, with other members where `changes` names them; None for none."""
    return [
        {name: value for name, value in {**each, **changes.get(each["IndexName"], {})}.items() if value is not None}
        for each in found.get("GlobalSecondaryIndexes", ())
    ]


def _come_true(tx: Tx, arn: str, table_id: str, then: Then) -> None:
    table.lock(tx, arn)
    found = table.get(tx, arn)
    if found is None or found.id != table_id:
        return  # it is gone, or there is another of its name
    if then.get("gone"):
        remove(tx, found)
        return
    after = _after(tx, found, then)
    is_settled = then.get("settled") and found.status in (table.CREATING, table.UPDATING)
    found = table.save(tx, found, definition=after, status=table.ACTIVE if is_settled else None)
    if "filled" in then:
        backfill.begin(tx, found, then["filled"])


def _after(tx: Tx, found: Table, then: Then) -> dict[str, Any]:
    changed = {**found.definition, **then.get("set", {})}
    after = {name: value for name, value in changed.items() if value is not None}
    indexes: dict[str, Mapping[str, Any]] = dict(then.get("indexes", {}))
    if found.status == table.CREATING and then.get("settled"):
        for each in found.indexes:
            indexes[each.name] = {"IndexStatus": table.ACTIVE}
        if "LocalSecondaryIndexes" in after:
            after["LocalSecondaryIndexes"] = [
                {**each, "IndexStatus": table.ACTIVE} for each in after["LocalSecondaryIndexes"]
            ]
    if "filled" in then:
        indexes[then["filled"]] = {"Backfilling": True}
    if "GlobalSecondaryIndexes" in after:
        after["GlobalSecondaryIndexes"] = with_indexes(after, indexes)
    if "dropped" in then:
        _drop(tx, after, then["dropped"])
    return after


def _drop(tx: Tx, after: dict[str, Any], name: str) -> None:
    """Attributes that only its key had are defined no more."""
    kept = []
    for each in after.get("GlobalSecondaryIndexes", ()):
        if each["IndexName"] == name:
            spaces.leave(tx, each["Space"])
        else:
            kept.append(each)
    after["GlobalSecondaryIndexes"] = kept
    if not kept:
        del after["GlobalSecondaryIndexes"]
    if name in after.get("Insights", {}):
        after["Insights"] = {each: it for each, it in after["Insights"].items() if each != name}
    names = definition.used(after)
    after["AttributeDefinitions"] = [each for each in after["AttributeDefinitions"] if each["AttributeName"] in names]


async def _do(node: Node, item: work.Item) -> Done:
    return Done(lambda tx: _come_true(tx, item.body["arn"], item.body["id"], item.body["then"]))


worker = Worker(KIND, _do)
