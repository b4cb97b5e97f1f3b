"""Event source mappings: their rows, and the states they go through.

A mapping that draws, or is about to begin or to stop, has a work row: the node that holds it is the one that draws. It
alone makes Creating, Enabling and Updating into Enabled, Disabling into Disabled, and what is Deleting go away, once
nothing is in work any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import orjson

from wakeful import names
from wakeful.services.lambda_ import tags
from wakeful.services.lambda_.errors import ResourceNotFoundException
from wakeful.services.lambda_.sources import rules
from wakeful.services.lambda_.sources.streams import checkpoints
from wakeful.store import work
from wakeful.store.tx import Row, Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

KIND = "lambda.mapping"
"""The kind of work row that says that a mapping wants to be tended."""

CHANGED = "lambda.mappings"
"""Woken when a mapping comes, goes, or is changed."""

CREATING, ENABLING, ENABLED = "Creating", "Enabling", "Enabled"
UPDATING, DISABLING, DISABLED, DELETING = "Updating", "Disabling", "Disabled", "Deleting"
BEGINNING = frozenset((CREATING, ENABLING, UPDATING))
ENDING = frozenset((DISABLING, DELETING))


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """One mapping's row. What its last batch came to does not make it another."""

    uuid: str
    account: str
    region: str
    function: str
    source: str
    config: dict[str, Any]
    state: str
    result: str = field(compare=False)
    modified: float

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:event-source-mapping:{self.uuid}"

    @property
    def is_in_transition(self) -> bool:
        return self.state in BEGINNING or self.state in ENDING

    @property
    def batch_size(self) -> int:
        return int(self.config["BatchSize"])

    @property
    def window_s(self) -> int:
        return int(self.config["MaximumBatchingWindowInSeconds"])

    @property
    def reports_items(self) -> bool:
        """Whether the function says which items of a batch failed."""
        return "ReportBatchItemFailures" in self.config["FunctionResponseTypes"]

    @property
    def counts_events(self) -> bool:
        """Whether CloudWatch shall hear what becomes of its events."""
        return "EventCount" in ((self.config.get("MetricsConfig") or {}).get("Metrics") or ())


def find(tx: Tx, uuid: str) -> SourceMapping:
    mapping = get(tx, uuid)
    if mapping is None:
        raise _not_found()
    return mapping


def get(tx: Tx, uuid: str) -> SourceMapping | None:
    row = tx.one("SELECT * FROM lambda_mappings WHERE uuid = ?", uuid)
    return None if row is None else _mapping(row)


def find_of(tx: Tx, account: str, region: str, uuid: str) -> SourceMapping:
    """Nobody finds those of others."""
    mapping = find(tx, uuid)
    if (mapping.account, mapping.region) != (account, region):
        raise _not_found()
    return mapping


def find_by_arn(tx: Tx, arn: str) -> SourceMapping:
    parts = names.parse_arn(arn)
    return find_of(tx, parts.account, parts.region, arn.rsplit(":", 1)[1])


def listed(
    tx: Tx, account: str, region: str, source: str | None, function: str | None, after: str, limit: int
) -> list[SourceMapping]:
    rows = tx.all(
        "SELECT * FROM lambda_mappings WHERE account = ? AND region = ? AND uuid > ? AND (? = '' OR source = ?)"
        " AND (? = '' OR function = ?) ORDER BY uuid LIMIT ?",
        *(account, region, after, source or "", source or "", function or "", function or "", limit),
    )
    return [_mapping(row) for row in rows]


def wake_name(uuid: str) -> str:
    """Woken when this one mapping is changed."""
    return f"{CHANGED}.{uuid}"


# --- what its owner does ---------------------------------------------------------------------------------------------


def create(tx: Tx, account: str, region: str, function: str, source: str, request: Mapping[str, Any]) -> SourceMapping:
    """The mapping is there; it is about to begin, unless it was made disabled."""
    config = rules.config_of(rules.kind_of_source(source), source, {}, request)
    uuid = names.new_uuid()
    tx.lock("lambda", uuid)
    tx.run(
        "INSERT INTO lambda_mappings(uuid, account, region, function, source, config, state, result, modified)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(uuid, account, region, function, source, orjson.dumps(config), DISABLED, "No records processed", tx.now),
    )
    if request.get("Enabled", True):
        _turn(tx, uuid, CREATING)
    return find(tx, uuid)


def update(tx: Tx, mapping: SourceMapping, function: str | None, request: Mapping[str, Any]) -> SourceMapping:
    """What the request names is replaced; a batch that is in work ends under the old rules."""
    config = rules.config_of(rules.kind_of_source(mapping.source), mapping.source, mapping.config, request)
    tx.run(
        "UPDATE lambda_mappings SET function = ?, config = ?, modified = ? WHERE uuid = ?",
        *(function or mapping.function, orjson.dumps(config), tx.now, mapping.uuid),
    )
    is_enabled = mapping.state == ENABLED
    if request.get("Enabled", is_enabled):
        _turn(tx, mapping.uuid, UPDATING if is_enabled else ENABLING)
    elif is_enabled:
        _turn(tx, mapping.uuid, DISABLING)
    return find(tx, mapping.uuid)


def delete(tx: Tx, mapping: SourceMapping) -> SourceMapping:
    """Nothing more is drawn, and once nothing is in work the mapping is gone."""
    _turn(tx, mapping.uuid, DELETING)
    return find(tx, mapping.uuid)


def _turn(tx: Tx, uuid: str, state: str) -> None:
    """It is in this state, which is one that passes, and somebody tends it."""
    _put_state(tx, uuid, state)
    work.ensure(tx, KIND, _work_name(uuid), {"uuid": uuid})
    _wake(tx, uuid)


# --- what the node that holds it does --------------------------------------------------------------------------------


def begun(tx: Tx, uuid: str) -> None:
    """What was about to begin draws."""
    tx.lock("lambda", uuid)
    mapping = get(tx, uuid)
    if mapping is not None and mapping.state in BEGINNING:
        _put_state(tx, uuid, ENABLED)
        _wake(tx, uuid)


def ended(tx: Tx, uuid: str, item: work.Item) -> bool:
    """Whether there is no more to tend: what was about to stop has stopped, or gone, or is another node's."""
    tx.lock("lambda", uuid)
    if not work.is_held(tx, item):
        return True
    mapping = get(tx, uuid)
    if mapping is not None and mapping.state not in ENDING:
        return False  # it was begun again in this very moment
    if mapping is not None and mapping.state == DISABLING:
        _put_state(tx, uuid, DISABLED)
    elif mapping is not None:
        tx.run("DELETE FROM lambda_mappings WHERE uuid = ?", uuid)
        tags.forget_mapping(tx, mapping.arn)
        checkpoints.forget(tx, uuid)
    work.finish(tx, item)
    _wake(tx, uuid)
    return True


def processed(tx: Tx, uuid: str, result: str) -> None:
    """What `LastProcessingResult` shows; written only when it changes."""
    row = tx.one("SELECT result FROM lambda_mappings WHERE uuid = ?", uuid)
    if row is not None and row["result"] != result:
        tx.lock("lambda", uuid)
        tx.run("UPDATE lambda_mappings SET result = ? WHERE uuid = ?", result, uuid)


def first(tx: Tx) -> None:
    """Every mapping that draws has its work row, also in a store of a version that had none."""
    for row in tx.all("SELECT uuid FROM lambda_mappings WHERE state <> ?", DISABLED):
        work.ensure(tx, KIND, _work_name(row["uuid"]), {"uuid": row["uuid"]})


def described(mapping: SourceMapping, *, state: str | None = None) -> shapes.EventSourceMappingConfiguration:
    """EventSourceMappingConfiguration."""
    shown = {
        "UUID": mapping.uuid,
        "EventSourceMappingArn": mapping.arn,
        "EventSourceArn": mapping.source,
        "FunctionArn": mapping.function,
        **mapping.config,
        "State": state or mapping.state,
        "StateTransitionReason": rules.kind_of_source(mapping.source).changed_by_user,
        "LastProcessingResult": mapping.result,
        "LastModified": mapping.modified,
    }
    return cast("shapes.EventSourceMappingConfiguration", shown)


# --- below -----------------------------------------------------------------------------------------------------------


def _put_state(tx: Tx, uuid: str, state: str) -> None:
    """`LastModified` says when the mapping was changed, or its state."""
    tx.run("UPDATE lambda_mappings SET state = ?, modified = ? WHERE uuid = ?", state, tx.now, uuid)


def _wake(tx: Tx, uuid: str) -> None:
    tx.wake(CHANGED)
    tx.wake(wake_name(uuid))


def _work_name(uuid: str) -> str:
    return f"{KIND} {uuid}"


def _not_found() -> ResourceNotFoundException:
    return ResourceNotFoundException("The resource you requested does not exist.")


def _mapping(row: Row) -> SourceMapping:
    return SourceMapping(
        uuid=row["uuid"],
        account=row["account"],
        region=row["region"],
        function=row["function"],
        source=row["source"],
        config=orjson.loads(row["config"]),
        state=row["state"],
        result=row["result"],
        modified=row["modified"],
    )
