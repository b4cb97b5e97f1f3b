"""EventBridge's API: one function for each operation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits, names
from wakeful.fabric.pattern import compile_pattern
from wakeful.fabric.service import Call, Need, Node, Operations, Request
from wakeful.fabric.trace import Trace
from wakeful.services.events import bus as buses
from wakeful.services.events import event as events
from wakeful.services.events import rule as rules
from wakeful.services.events import target as targets
from wakeful.services.events.dispatch import SERVICE, dispatch
from wakeful.services.events.errors import ResourceNotFoundException, ValidationException
from wakeful.services.events.event import Event, Rejected
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import events as shapes

api = Operations("events")


# --- buses -----------------------------------------------------------------------------------------------------------


@api.writes
def create_event_bus(call: Call, tx: Tx, request: shapes.CreateEventBusRequest) -> shapes.CreateEventBusResponse:
    made = buses.create(tx, call, request["Name"], request)
    return {"EventBusArn": made.arn, **cast("shapes.CreateEventBusResponse", _settings(made))}


@api.reads
def describe_event_bus(call: Call, tx: Tx, request: shapes.DescribeEventBusRequest) -> shapes.DescribeEventBusResponse:
    found = buses.find(tx, buses.arn_of(call, request.get("Name")))
    return cast("shapes.DescribeEventBusResponse", found.shown())


@api.writes
def update_event_bus(call: Call, tx: Tx, request: shapes.UpdateEventBusRequest) -> shapes.UpdateEventBusResponse:
    found = buses.update(tx, buses.arn_of(call, request.get("Name")), request)
    return {"Arn": found.arn, "Name": found.name, **cast("shapes.UpdateEventBusResponse", _settings(found))}


@api.reads
def list_event_buses(call: Call, tx: Tx, request: shapes.ListEventBusesRequest) -> shapes.ListEventBusesResponse:
    limit, after = _page(request)
    found = buses.named(tx, call, request.get("NamePrefix", ""), after, limit + 1)
    page = [cast("shapes.EventBus", each.listed()) for each in found[:limit]]
    return {"EventBuses": page, "NextToken": _token([each.name for each in found], limit)}


@api.writes
def delete_event_bus(call: Call, tx: Tx, request: shapes.DeleteEventBusRequest) -> None:
    buses.delete(tx, buses.arn_of(call, request["Name"]))


@api.writes
def put_permission(call: Call, tx: Tx, request: shapes.PutPermissionRequest) -> None:
    """The bus's policy lets others in, by a statement or as a whole."""
    buses.permit(tx, buses.arn_of(call, request.get("EventBusName")), request)


@api.writes
def remove_permission(call: Call, tx: Tx, request: shapes.RemovePermissionRequest) -> None:
    arn = buses.arn_of(call, request.get("EventBusName"))
    buses.forbid(tx, arn, request.get("StatementId"), everything=request.get("RemoveAllPermissions", False))


# --- rules -----------------------------------------------------------------------------------------------------------


@api.waits
async def put_rule(call: Call, node: Node, request: shapes.PutRuleRequest) -> shapes.PutRuleResponse:
    """The rule is as the request has it; what the request leaves out is not kept. Its targets are."""
    arn = buses.arn_of(call, request.get("EventBusName"))
    rules.check(request, arn)
    return {"RuleArn": (await node.store.write(rules.put, arn, request)).arn}


@api.reads
def describe_rule(call: Call, tx: Tx, request: shapes.DescribeRuleRequest) -> shapes.DescribeRuleResponse:
    found = _rule(call, tx, request["Name"], request)
    shown = cast("shapes.DescribeRuleResponse", found.shown())
    return {**shown, "CreatedBy": names.parse_arn(found.arn).account}


@api.reads
def list_rules(call: Call, tx: Tx, request: shapes.ListRulesRequest) -> shapes.ListRulesResponse:
    limit, after = _page(request)
    arn = buses.find(tx, buses.arn_of(call, request.get("EventBusName"))).arn
    found = rules.named(tx, arn, request.get("NamePrefix", ""), after, limit + 1)
    page = [cast("shapes.Rule", each.shown()) for each in found[:limit]]
    return {"Rules": page, "NextToken": _token([each.name for each in found], limit)}


@api.reads
def list_rule_names_by_target(
    call: Call, tx: Tx, request: shapes.ListRuleNamesByTargetRequest
) -> shapes.ListRuleNamesByTargetResponse:
    limit, after = _page(request)
    arn = buses.find(tx, buses.arn_of(call, request.get("EventBusName"))).arn
    found = targets.rules_with(tx, arn, request["TargetArn"], after, limit + 1)
    return {"RuleNames": found[:limit], "NextToken": _token(found, limit)}


@api.writes
def enable_rule(call: Call, tx: Tx, request: shapes.EnableRuleRequest) -> None:
    rules.set_state(tx, buses.arn_of(call, request.get("EventBusName")), request["Name"], rules.ENABLED)


@api.writes
def disable_rule(call: Call, tx: Tx, request: shapes.DisableRuleRequest) -> None:
    rules.set_state(tx, buses.arn_of(call, request.get("EventBusName")), request["Name"], rules.DISABLED)


@api.writes
def delete_rule(call: Call, tx: Tx, request: shapes.DeleteRuleRequest) -> None:
    """No such rule is left. `Force` is for rules that other services manage, and there are none."""
    rules.delete(tx, buses.arn_of(call, request.get("EventBusName")), request["Name"])


@api.reads
def test_event_pattern(call: Call, tx: Tx, request: shapes.TestEventPatternRequest) -> shapes.TestEventPatternResponse:
    pattern = compile_pattern(request["EventPattern"])
    try:
        event = events.parse(request["Event"])
    except events.Unreadable:
        raise ValidationException("Parameter Event is not valid.") from None
    if not event.document.keys() >= _MANDATORY:
        raise ValidationException("Parameter Event is not valid.")
    return {"Result": pattern.matches(event.document)}


# --- targets ---------------------------------------------------------------------------------------------------------


@api.waits
async def put_targets(call: Call, node: Node, request: shapes.PutTargetsRequest) -> shapes.PutTargetsResponse:
    """The rule has these targets beside those it had; the same id takes the other's place."""
    for target in request["Targets"]:
        targets.check(target)
    arn = buses.arn_of(call, request.get("EventBusName"))
    await node.store.write(_put_targets, arn, request["Rule"], request["Targets"])
    return {"FailedEntryCount": 0, "FailedEntries": []}


@api.writes
def remove_targets(call: Call, tx: Tx, request: shapes.RemoveTargetsRequest) -> shapes.RemoveTargetsResponse:
    targets.remove(tx, _rule(call, tx, request["Rule"], request), request["Ids"])
    return {"FailedEntryCount": 0, "FailedEntries": []}


@api.reads
def list_targets_by_rule(
    call: Call, tx: Tx, request: shapes.ListTargetsByRuleRequest
) -> shapes.ListTargetsByRuleResponse:
    limit, after = _page(request)
    found = targets.of(tx, _rule(call, tx, request["Rule"], request), after, limit + 1)
    page = [cast("shapes.Target", each) for each in found[:limit]]
    return {"Targets": page, "NextToken": _token([each["Id"] for each in found], limit)}


# --- events ----------------------------------------------------------------------------------------------------------


@api.waits
async def put_events(call: Call, node: Node, request: shapes.PutEventsRequest) -> shapes.PutEventsResponse:
    """Each entry is put, in their order and all at once, or answered with its own error.

    As on AWS an event for a bus that does not exist has an id and no other effect.
    """
    if "EndpointId" in request:
        raise NotImplementedHere("Wakeful has no global endpoints (EndpointId).")
    entries = request["Entries"]
    events.check_size(entries)
    answers: list[shapes.PutEventsResultEntry] = []
    accepted: list[tuple[str, Event, Trace]] = []
    for entry in entries:
        try:
            event = events.read(call, entry, node.clock.now())
        except Rejected as rejection:
            answers.append({"ErrorCode": rejection.code, "ErrorMessage": str(rejection)})
            continue
        accepted.append((buses.arn_of(call, entry.get("EventBusName")), event, _trace(call, entry.get("TraceHeader"))))
        answers.append({"EventId": event.document["id"]})
    if accepted:
        await node.store.write(_put_events, accepted)
    return {"FailedEntryCount": len(entries) - len(accepted), "Entries": answers}


# --- tags ------------------------------------------------------------------------------------------------------------


@api.reads
def list_tags_for_resource(
    call: Call, tx: Tx, request: shapes.ListTagsForResourceRequest
) -> shapes.ListTagsForResourceResponse:
    tags = _tagged(tx, request["ResourceARN"]).tags or {}
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@api.writes
def tag_resource(call: Call, tx: Tx, request: shapes.TagResourceRequest) -> None:
    tagged = _tagged(tx, request["ResourceARN"])
    _set_tags(tx, tagged, {**(tagged.tags or {}), **buses.tags_of(request["Tags"])})


@api.writes
def untag_resource(call: Call, tx: Tx, request: shapes.UntagResourceRequest) -> None:
    tagged = _tagged(tx, request["ResourceARN"])
    gone = set(request["TagKeys"])
    _set_tags(tx, tagged, {key: value for key, value in (tagged.tags or {}).items() if key not in gone})


# --- rights ----------------------------------------------------------------------------------------------------------

_ON_RULES = {"DeleteRule", "DescribeRule", "DisableRule", "EnableRule", "PutRule"}
_ON_TARGETS = {"ListTargetsByRule", "PutTargets", "RemoveTargets"}
_ON_NOTHING = {"ListEventBuses", "ListRuleNamesByTarget", "ListRules", "TestEventPattern"}


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights EventBridge asks for ("Actions, resources, and condition keys for Amazon EventBridge")."""
    action = f"events:{operation}"
    bus_arn = buses.arn_of(call, request.get("EventBusName"))
    if operation == "PutEvents":
        for entry in request["Entries"]:
            context = {"events:source": entry.get("Source", ""), "events:detail-type": entry.get("DetailType", "")}
            yield Need(action, buses.arn_of(call, entry.get("EventBusName")), context)
        return
    if operation in _ON_RULES or operation in _ON_TARGETS:
        resource = _rule_arn(bus_arn, request["Name"] if operation in _ON_RULES else request["Rule"])
    elif operation in _ON_NOTHING:
        resource = "*"
    elif "ResourceARN" in request:
        resource = request["ResourceARN"]
    elif operation in ("PutPermission", "RemovePermission"):
        resource = bus_arn
    else:
        resource = buses.arn_of(call, request.get("Name"))
    if operation == "PutTargets":
        yield from (Need(action, resource, {"events:TargetArn": target["Arn"]}) for target in request["Targets"])
    else:
        yield Need(action, resource)
    if "Tags" in request and operation in ("CreateEventBus", "PutRule"):
        yield Need("events:TagResource", resource)
    for role in (holder["RoleArn"] for holder in (request, *request.get("Targets", ())) if "RoleArn" in holder):
        yield Need("iam:PassRole", role, {"iam:PassedToService": SERVICE})


# --- below -----------------------------------------------------------------------------------------------------------

_MANDATORY = {"id", "account", "source", "time", "region", "resources", "detail-type"}
_TRACE_ID = re.compile(r"(?:^|;)\s*Root=([0-9a-fA-F-]+)")


def _put_targets(tx: Tx, bus_arn: str, rule: str, wanted: Sequence[targets.Target]) -> None:
    targets.put(tx, rules.find(tx, bus_arn, rule), wanted)


def _put_events(tx: Tx, accepted: Sequence[tuple[str, Event, Trace]]) -> None:
    for bus_arn, event, trace in accepted:
        bus = buses.get(tx, bus_arn)
        if bus is not None:
            dispatch(tx, bus, event, trace)


def _trace(call: Call, header: str | None) -> Trace:
    """The trace of what an event sets off: its own where it has one, else the request's."""
    hit = _TRACE_ID.search(header) if header is not None else None
    return call.effects if hit is None else replace(call.effects, id=hit[1])


def _rule(call: Call, tx: Tx, name: str, request: Mapping[str, Any]) -> rules.Rule:
    return rules.find(tx, buses.arn_of(call, request.get("EventBusName")), name)


def _rule_arn(bus_arn: str, name: str) -> str:
    arn = names.parse_arn(bus_arn)
    return buses.Bus(bus_arn, arn.account, arn.region, buses.name_of(bus_arn)).rule_arn(name)


def _tagged(tx: Tx, arn: str) -> buses.Bus | rules.Rule:
    try:
        resource = names.parse_arn(arn).resource
    except ValueError:
        resource = ""
    if resource.startswith("event-bus/"):
        return buses.find(tx, arn)
    if not resource.startswith("rule/"):
        raise ValidationException(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    rule = rules.by_arn(tx, arn)
    if rule is None:
        _, _, place = resource.partition("/")
        bus, _, name = place.rpartition("/")
        raise ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus or buses.DEFAULT}.")
    return rule


def _set_tags(tx: Tx, tagged: buses.Bus | rules.Rule, tags: dict[str, str]) -> None:
    buses.checked_tags(tags)
    if isinstance(tagged, rules.Rule):
        rules.set_tags(tx, tagged, tags)
    else:
        buses.set_tags(tx, tagged.arn, tags)


def _settings(bus: buses.Bus) -> dict[str, Any]:
    shown = bus.shown()
    return {name: shown[name] for name in ("Description", "LogConfig") if name in shown}


def _page(request: Mapping[str, Any]) -> tuple[int, str]:
    """How many of a list are wanted, and after which name."""
    return request.get("Limit", limits.EVENTS_LIST_MAX), request.get("NextToken", "")


def _token(found: Sequence[str], limit: int) -> str | None:
    return found[limit - 1] if len(found) > limit else None
