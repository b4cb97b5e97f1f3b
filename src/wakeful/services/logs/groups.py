"""Log groups: what is kept of them, for how long, and who may ask for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Call, Need, Request
from wakeful.services.logs.errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    ValidationException,
)
from wakeful.store.tx import Row, Tx

# fmt: off
RETENTIONS_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)
# fmt: on
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Group:
    """A log group as it stands in the store. Its `arn` is also the name of its log in telemetry."""

    arn: str
    account: str
    region: str
    name: str
    created: float
    retention_days: int | None
    is_protected: bool
    tags: Mapping[str, str]

    def oldest_ms(self, now: float) -> int:
        """Events before this moment are no longer kept."""
        return 0 if self.retention_days is None else int(now * 1000) - self.retention_days * _DAY_MS


def arn_of(call: Call, name: str) -> str:
    return call.arn("logs", f"log-group:{name}")


def arn_in(call: Call, request: Mapping[str, Any]) -> str:
    """The ARN of the group that a request names, or gives the ARN of; one of the two."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise InvalidParameterException("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    return arn_of(call, name) if name is not None else arn_of_identifier(call, str(identifier))


def arn_of_identifier(call: Call, identifier: str) -> str:
    """The ARN of the group with that name or ARN."""
    if not identifier.startswith("arn:"):
        return arn_of(call, identifier)
    return arn_of_resource(identifier)


def arn_of_resource(arn: str) -> str:
    """The same ARN without the `:*` that it may end with. Raises InvalidParameterException for other things' ARNs."""
    kept = arn.removesuffix(":*")
    try:
        parts = names.parse_arn(kept)
    except ValueError:
        parts = None
    if parts is None or parts.service != "logs" or not parts.resource.startswith("log-group:"):
        raise InvalidParameterException(f"The specified resource {arn} is not the ARN of a log group.")
    return kept


def find(tx: Tx, call: Call, arn: str) -> Group:
    """The caller's group. Raises ResourceNotFoundException."""
    group = get(tx, arn)
    if group is None or group.account != call.account:
        raise ResourceNotFoundException("The specified log group does not exist.")
    return group


def get(tx: Tx, arn: str) -> Group | None:
    row = tx.one("SELECT * FROM logs_groups WHERE arn = ?", arn)
    return None if row is None else _group(row)


def create(tx: Tx, call: Call, name: str, tags: Mapping[str, str], *, is_protected: bool) -> Group:
    if name.lower().startswith("aws/"):
        raise InvalidParameterException("Log groups starting with AWS/ are reserved for AWS.")
    check_tags(tags)
    group = Group(arn_of(call, name), call.account, call.region, name, tx.now, None, is_protected, tags)
    tx.lock("logs", group.arn)
    if get(tx, group.arn) is not None:
        raise ResourceAlreadyExistsException("The specified log group already exists")
    tx.run(
        "INSERT INTO logs_groups(arn, account, region, name, created, retention_days, is_protected, tags)"
        " VALUES (?, ?, ?, ?, ?, NULL, ?, ?)",
        *(group.arn, group.account, group.region, name, tx.now, int(is_protected), orjson.dumps(dict(tags))),
    )
    return group


def delete(tx: Tx, group: Group) -> None:
    """The group and its streams are gone; not yet their events. Raises ValidationException for a protected one."""
    if group.is_protected:
        raise ValidationException("The log group cannot be deleted because deletion protection is enabled.")
    tx.lock("logs", group.arn)
    tx.run("DELETE FROM logs_streams WHERE group_arn = ?", group.arn)
    tx.run("DELETE FROM logs_groups WHERE arn = ?", group.arn)


def set_retention(tx: Tx, group: Group, days: int | None) -> None:
    """Events are kept so long; for ever, where it is None."""
    if days is not None and days not in RETENTIONS_DAYS:
        raise InvalidParameterException(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member"
            f" must satisfy enum value set: [{', '.join(map(str, RETENTIONS_DAYS))}]"
        )
    tx.lock("logs", group.arn)
    tx.run("UPDATE logs_groups SET retention_days = ? WHERE arn = ?", days, group.arn)


def protect(tx: Tx, group: Group, is_protected: bool) -> None:
    tx.lock("logs", group.arn)
    tx.run("UPDATE logs_groups SET is_protected = ? WHERE arn = ?", int(is_protected), group.arn)


def set_tags(tx: Tx, group: Group, tags: Mapping[str, str]) -> None:
    check_tags(tags)
    tx.lock("logs", group.arn)
    tx.run("UPDATE logs_groups SET tags = ? WHERE arn = ?", orjson.dumps(dict(tags)), group.arn)


def check_tags(tags: Mapping[str, str]) -> None:
    for key in tags:
        if key.lower().startswith("aws:"):
            raise InvalidParameterException(f"The tag key {key} is not valid: aws: is reserved for AWS.")
    if len(tags) > limits.LOGS_TAGS_MAX:
        raise InvalidParameterException(f"A resource can have no more than {limits.LOGS_TAGS_MAX} tags.")


def listed(tx: Tx, call: Call, after: str, limit: int, *, prefix: str = "", pattern: str = "") -> list[Group]:
    """The caller's groups in this region by name, from the one after `after`; those with the prefix and the pattern."""
    rows = tx.all(
        "SELECT * FROM logs_groups WHERE account = ? AND region = ? AND name > ? AND substr(name, 1, ?) = ?"
        " AND (? = '' OR replace(name, ?, '') <> name) ORDER BY name LIMIT ?",
        *(call.account, call.region, after, len(prefix), prefix, pattern, pattern, limit),
    )
    return [_group(row) for row in rows]


def every(tx: Tx) -> list[Group]:
    return [_group(row) for row in tx.all("SELECT * FROM logs_groups ORDER BY arn")]


_ON_RESOURCE = ("ListTagsForResource", "TagResource", "UntagResource")


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights CloudWatch Logs asks for ("Actions, resources, and condition keys for Amazon CloudWatch Logs").

    Operations on a group are asked for a stream without name: a policy says `log-group:name:*`.
    """
    action = f"logs:{operation}"
    if operation in _ON_RESOURCE:
        yield Need(action, arn_of_resource(request["resourceArn"]))
        return
    if operation.endswith(("ResourcePolicy", "ResourcePolicies")):
        yield Need(action, "*")
        return
    identifier = request.get("logGroupName") or request.get("logGroupIdentifier") or ""
    stream = request.get("logStreamName", "")
    resource = f"{arn_of_identifier(call, identifier)}:log-stream:{stream}"
    yield Need(action, resource)
    if operation == "CreateLogGroup" and "tags" in request:
        yield Need("logs:TagResource", arn_of(call, request["logGroupName"]))
    if request.get("unmask"):
        yield Need("logs:Unmask", resource)


def _group(row: Row) -> Group:
    columns = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row is not a dict
    return Group(**{**columns, "is_protected": bool(row["is_protected"]), "tags": orjson.loads(row["tags"])})
