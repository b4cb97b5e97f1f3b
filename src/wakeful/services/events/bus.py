"""One event bus: what is known of it, who may put events on it, and which revision its rules are in.

Every account has a default bus in every region. It needs no row before something about it is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.policy import PolicyError, parse_policy
from wakeful.fabric.service import Call
from wakeful.services.events.errors import (
    LimitExceededException,
    PolicyLengthExceededException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    ValidationException,
)
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import NotImplementedHere

DEFAULT = "default"
_PREFIX = "event-bus/"


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus as it stands in the store; the default one, where nothing was ever kept of it, has no dates."""

    arn: str
    account: str
    region: str
    name: str
    description: str | None = None
    log: Mapping[str, str] | None = None
    policy: str | None = None
    tags: Mapping[str, str] | None = None
    created: float | None = None
    modified: float | None = None
    revision: str = ""

    def rule_arn(self, rule: str) -> str:
        place = rule if self.name == DEFAULT else f"{self.name}/{rule}"
        return f"arn:aws:events:{self.region}:{self.account}:rule/{place}"

    def listed(self) -> dict[str, Any]:
        """As ListEventBuses shows it."""
        return _present(
            Name=self.name,
            Arn=self.arn,
            Description=self.description,
            Policy=self.policy,
            CreationTime=self.created,
            LastModifiedTime=self.modified,
        )

    def shown(self) -> dict[str, Any]:
        """As DescribeEventBus shows it."""
        return {**self.listed(), **_present(LogConfig=self.log)}


def arn_of(call: Call, name_or_arn: str | None) -> str:
    """The ARN of the bus that a request names; the caller's default bus where it names none."""
    if name_or_arn is None:
        name_or_arn = DEFAULT
    return name_or_arn if names.is_arn(name_or_arn) else call.arn("events", f"{_PREFIX}{name_or_arn}")


def name_of(arn: str) -> str:
    return names.parse_arn(arn).resource.removeprefix(_PREFIX)


def find(tx: Tx, arn: str) -> Bus:
    """Raises ResourceNotFoundException."""
    bus = get(tx, arn)
    if bus is None:
        raise ResourceNotFoundException(f"Event bus {name_of(arn)} does not exist.")
    return bus


def get(tx: Tx, arn: str) -> Bus | None:
    row = tx.one("SELECT * FROM events_buses WHERE arn = ?", arn)
    if row is not None:
        return _bus(row)
    try:
        parts = names.parse_arn(arn)
    except ValueError:
        return None
    is_default = parts.service == "events" and parts.resource == f"{_PREFIX}{DEFAULT}"
    return Bus(arn, parts.account, parts.region, DEFAULT) if is_default and parts.account and parts.region else None


def create(tx: Tx, call: Call, name: str, request: Mapping[str, Any]) -> Bus:
    """The bus is there, and was not before."""
    if "/" in name:
        raise ValidationException(f"Event bus name {name} is not valid: '/' stands in the names of partner buses only.")
    check_settings(request)
    arn = arn_of(call, name)
    tx.lock("events", arn)
    if get(tx, arn) is not None:
        raise ResourceAlreadyExistsException(f"Event bus {name} already exists.")
    tx.lock("events", call.account, call.region)
    row = tx.one(
        "SELECT count(*) AS held FROM events_buses WHERE account = ? AND region = ?", call.account, call.region
    )
    if row is not None and row["held"] >= limits.EVENTS_BUSES_MAX:
        raise LimitExceededException()
    _insert(tx, Bus(arn, call.account, call.region, name, tags=tags_of(request.get("Tags", ()))))
    return update(tx, arn, request)


def update(tx: Tx, arn: str, settings: Mapping[str, Any]) -> Bus:
    """The description and the log configuration are these; what is not given is none any more."""
    check_settings(settings)
    ensure(tx, arn)
    log = orjson.dumps(settings["LogConfig"]) if "LogConfig" in settings else None
    tx.run(
        "UPDATE events_buses SET description = ?, log = ?, modified = ? WHERE arn = ?",
        *(settings.get("Description"), log, tx.now, arn),
    )
    return find(tx, arn)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises unless a bus may have these. What would have no effect here is refused."""
    if "EventSourceName" in settings:
        raise NotImplementedHere("Wakeful has no partner event sources (EventSourceName).")
    if settings.get("KmsKeyIdentifier"):
        raise NotImplementedHere("Wakeful has no KMS: a bus cannot be encrypted with a key of it (KmsKeyIdentifier).")
    if "DeadLetterConfig" in settings:
        raise NotImplementedHere(
            "A bus's DeadLetterConfig is for events that could not be encrypted, and Wakeful has no KMS."
        )
    if settings.get("LogConfig", {}).get("Level", "OFF") != "OFF":
        raise NotImplementedHere(
            "Wakeful does not log for event buses (LogConfig); its own traces show every delivery."
        )


def delete(tx: Tx, arn: str) -> None:
    """No bus of that ARN is left; there may have been none. Raises for the default bus, and where it has rules."""
    if name_of(arn) == DEFAULT:
        raise ValidationException("Cannot delete event bus default.")
    tx.lock("events", arn)
    if tx.one("SELECT 1 FROM events_rules WHERE bus = ? LIMIT 1", arn) is not None:
        raise ValidationException("Event bus can't be deleted since it has rules.")
    tx.run("DELETE FROM events_buses WHERE arn = ?", arn)


def named(tx: Tx, call: Call, prefix: str, after: str, limit: int) -> list[Bus]:
    """The caller's buses in this region by name, from the one after `after`; the default one among them."""
    rows = tx.all(
        "SELECT * FROM events_buses WHERE account = ? AND region = ? AND name > ? AND substr(name, 1, ?) = ?"
        " ORDER BY name LIMIT ?",
        *(call.account, call.region, after, len(prefix), prefix, limit),
    )
    found = {row["name"]: _bus(row) for row in rows}
    if DEFAULT.startswith(prefix) and after < DEFAULT:
        found.setdefault(DEFAULT, find(tx, arn_of(call, DEFAULT)))
    return [found[name] for name in sorted(found)][:limit]


def ensure(tx: Tx, arn: str) -> Bus:
    """The bus, which now has a row. Raises ResourceNotFoundException."""
    tx.lock("events", arn)
    bus = find(tx, arn)
    if bus.created is None:
        _insert(tx, bus)
        bus = find(tx, arn)
    return bus


def touch(tx: Tx, bus: Bus) -> None:
    """Its rules are in a new revision: whoever compiled them looks again."""
    tx.lock("events", bus.arn)
    tx.run("UPDATE events_buses SET revision = ? WHERE arn = ?", names.new_token(), bus.arn)


# --- permissions -----------------------------------------------------------------------------------------------------


def permit(tx: Tx, arn: str, request: Mapping[str, Any]) -> None:
    """The policy is the one given, or has the statement given, in place of the one with its id."""
    bus = ensure(tx, arn)
    if "Policy" in request:
        extra = sorted(request.keys() & {"Action", "Condition", "Principal", "StatementId"})
        if extra:
            raise ValidationException(f"Parameter(s) {', '.join(extra)} must not be specified together with Policy.")
        _check_policy(request["Policy"])
        _put_policy(tx, arn, request["Policy"])
        return
    missing = [name for name in ("Action", "Principal", "StatementId") if name not in request]
    if missing:
        raise ValidationException(f"Parameter(s) {', '.join(missing)} must be specified.")
    others = [statement for statement in _statements(bus) if statement.get("Sid") != request["StatementId"]]
    _put_policy(tx, arn, _document([*others, _statement(bus, request)]))


def forbid(tx: Tx, arn: str, statement_id: str | None, *, everything: bool) -> None:
    """The policy has not that statement any more, or is none any more."""
    bus = ensure(tx, arn)
    if everything:
        _put_policy(tx, arn, None)
        return
    if statement_id is None:
        raise ValidationException("Parameter StatementId is required.")
    if bus.policy is None:
        raise ResourceNotFoundException("EventBus does not have a policy.")
    statements = _statements(bus)
    left = [statement for statement in statements if statement.get("Sid") != statement_id]
    if len(left) == len(statements):
        raise ResourceNotFoundException("Statement with the provided id does not exist.")
    _put_policy(tx, arn, _document(left) if left else None)


def policy(tx: Tx, arn: str) -> str | None:
    """The bus's policy, as authorisation asks for it."""
    bus = get(tx, arn)
    return None if bus is None else bus.policy


def _statement(bus: Bus, request: Mapping[str, Any]) -> dict[str, Any]:
    principal = request["Principal"]
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": request["Action"],
        "Resource": bus.arn,
    }
    if "Condition" in request:
        condition = request["Condition"]
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


def _statements(bus: Bus) -> list[dict[str, Any]]:
    found = json.loads(bus.policy)["Statement"] if bus.policy is not None else []
    return [found] if isinstance(found, dict) else list(found)


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def _check_policy(text: str) -> None:
    try:
        parse_policy(text, "resource")
    except PolicyError:
        raise ValidationException("This policy contains invalid Json") from None


def _put_policy(tx: Tx, arn: str, text: str | None) -> None:
    if text is not None and len(text.encode()) > limits.EVENTS_POLICY_BYTES_MAX:
        raise PolicyLengthExceededException()
    tx.run("UPDATE events_buses SET policy = ?, modified = ? WHERE arn = ?", text, tx.now, arn)


# --- below -----------------------------------------------------------------------------------------------------------


def set_tags(tx: Tx, arn: str, tags: Mapping[str, str]) -> None:
    ensure(tx, arn)
    tx.run("UPDATE events_buses SET tags = ? WHERE arn = ?", orjson.dumps(dict(tags)), arn)


def tags_of(pairs: Any) -> dict[str, str]:
    """Tags as they stand in requests, by key. Raises where a key comes twice, or there are too many."""
    tags = {pair["Key"]: pair["Value"] for pair in pairs}
    if len(tags) < len(pairs):
        raise ValidationException("Duplicated keys are not allowed.")
    return checked_tags(tags)


def checked_tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > limits.EVENTS_TAGS_MAX:
        raise LimitExceededException()
    return tags


def _insert(tx: Tx, bus: Bus) -> None:
    tx.run(
        "INSERT INTO events_buses(arn, account, region, name, tags, created, modified, revision)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(bus.arn, bus.account, bus.region, bus.name, orjson.dumps(dict(bus.tags or {}))),
        *(tx.now, tx.now, names.new_token()),
    )


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _bus(row: Row) -> Bus:
    return Bus(
        arn=row["arn"],
        account=row["account"],
        region=row["region"],
        name=row["name"],
        description=row["description"],
        log=None if row["log"] is None else orjson.loads(row["log"]),
        policy=row["policy"],
        tags=orjson.loads(row["tags"]),
        created=row["created"],
        modified=row["modified"],
        revision=row["revision"],
    )
