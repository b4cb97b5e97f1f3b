"""UpdateContributorInsights and its kind. What is asked for is kept and shown; CloudWatch has no such rules here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import ResourceNotFoundException, ValidationException
from wakeful.services.dynamodb.table import Table
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

_ALL_KEYS, _THROTTLED = "ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"


@api.writes
def update_contributor_insights(
    call: Call, tx: Tx, request: shapes.UpdateContributorInsightsInput
) -> shapes.UpdateContributorInsightsOutput:
    """The answer shows what begins; whoever looks next finds it over."""
    arn = table.arn_of(call, request["TableName"])
    table.lock(tx, arn)
    found = _find(tx, arn, request.get("IndexName"))
    name = request.get("IndexName", "")
    before = _setting(found, name)
    wanted = request["ContributorInsightsAction"] == "ENABLE"
    if wanted:
        _check_is_active(found, name)
    mode = request.get("ContributorInsightsMode") or before.get("Mode", _ALL_KEYS)
    is_changed = wanted != before.get("Enabled", False) or (wanted and mode != before.get("Mode"))
    if is_changed:
        settings = {**found.definition.get("Insights", {}), name: {"Enabled": wanted, "Mode": mode, "At": tx.now}}
        table.save(tx, found, definition={**found.definition, "Insights": settings})
    status = ("ENABLING" if wanted else "DISABLING") if is_changed else ("ENABLED" if wanted else "DISABLED")
    answer: dict[str, Any] = {"TableName": found.name, "ContributorInsightsStatus": status}
    if before or is_changed:
        answer["ContributorInsightsMode"] = mode
    return answer | _named(name)  # type: ignore[return-value] # members of the shape


@api.reads
def describe_contributor_insights(
    call: Call, tx: Tx, request: shapes.DescribeContributorInsightsInput
) -> shapes.DescribeContributorInsightsOutput:
    found = _find(tx, table.arn_of(call, request["TableName"]), request.get("IndexName"))
    name = request.get("IndexName", "")
    setting = _setting(found, name)
    shown: dict[str, Any] = _summary(found, name, setting)
    if setting:
        shown["LastUpdateDateTime"] = setting["At"]
    if setting.get("Enabled"):
        shown["ContributorInsightsRuleList"] = _rules(found, name, setting)
    return shown  # type: ignore[return-value] # members of the shape


@api.reads
def list_contributor_insights(
    call: Call, tx: Tx, request: shapes.ListContributorInsightsInput
) -> shapes.ListContributorInsightsOutput:
    """Of one table, or of all of the account in the region: what is switched on."""
    if request.get("TableName") is not None:
        tables = [table.find_any(tx, table.arn_of(call, request["TableName"]))]
    else:
        tables = list(_tables(tx, call))
    all_of_them = [
        _summary(found, name, setting)
        for found in tables
        for name, setting in sorted(found.definition.get("Insights", {}).items())
        if setting["Enabled"]
    ]
    start, most = _start(request.get("NextToken")), request.get("MaxResults", limits.DYNAMODB_INSIGHTS_LISTED_MAX)
    answer: dict[str, Any] = {"ContributorInsightsSummaries": all_of_them[start : start + most]}
    if len(all_of_them) > start + most:
        answer["NextToken"] = str(start + most)
    return answer  # type: ignore[return-value] # members of the shape


def _find(tx: Tx, arn: str, index: str | None) -> Table:
    found = table.find_any(tx, arn)
    there = found.index(index) if index is not None else None
    if index is not None and (there is None or not there.is_global):
        raise ResourceNotFoundException(
            f"Requested resource not found: Index: {index} not found for table: {found.name}"
        )
    return found


def _setting(found: Table, name: str) -> Mapping[str, Any]:
    """Of the index of that name, or of the table; empty where nobody ever asked for it."""
    setting: Mapping[str, Any] = found.definition.get("Insights", {}).get(name, {})
    return setting


def _check_is_active(found: Table, name: str) -> None:
    index = found.index(name)
    of_table = found.status != table.ACTIVE
    if of_table or (index is not None and index.status != table.ACTIVE):
        what = "TableStatus" if of_table else "IndexStatus"
        raise ValidationException(
            f"Table or Index is not in a valid state to update Key Access Insights: {what} must be ACTIVE to enable"
            " ContributorInsights."
        )


def _summary(found: Table, name: str, setting: Mapping[str, Any]) -> Any:
    shown = {
        "TableName": found.name,
        "ContributorInsightsStatus": "ENABLED" if setting.get("Enabled") else "DISABLED",
        **_named(name),
    }
    return {**shown, "ContributorInsightsMode": setting["Mode"]} if setting else shown


def _named(name: str) -> dict[str, str]:
    return {"IndexName": name} if name else {}


def _rules(found: Table, name: str, setting: Mapping[str, Any]) -> list[str]:
    """The names that DynamoDB gives such rules: of partition keys (PK) and whole keys (SK), accessed (C) and throttled
    (T)."""
    index = found.index(name)
    schema = found.keys if index is None else index.keys
    parts = [name for name, is_there in (("PK", True), ("SK", bool(schema.sort))) if is_there]
    kinds = "T" if setting["Mode"] == _THROTTLED else "CT"
    resource = "-".join(each for each in (found.name, name) if each)[:80]
    return [
        f"DynamoDBContributorInsights-{part}{kind}-{resource}-{int(setting['At'] * 1000)}"
        for part in parts
        for kind in kinds
    ]


def _tables(tx: Tx, call: Call) -> Iterator[Table]:
    rows = tx.all(
        "SELECT arn FROM dynamodb_tables WHERE account = ? AND region = ? ORDER BY name", call.account, call.region
    )
    for row in rows:
        found = table.get(tx, row["arn"])
        if found is not None:
            yield found


def _start(token: str | None) -> int:
    return int(token) if token is not None and token.isdecimal() else 0
