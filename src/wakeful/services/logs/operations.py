"""CloudWatch Logs' API: groups, streams and tags. Events have a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.logs import groups, policies, streams
from wakeful.services.logs.api import api
from wakeful.services.logs.errors import InvalidParameterException, TooManyTagsException
from wakeful.services.logs.groups import Group
from wakeful.services.logs.policies import ResourcePolicy
from wakeful.services.logs.streams import Stream
from wakeful.store.telemetry import StreamExtent
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import logs as shapes


# --- groups ----------------------------------------------------------------------------------------------------------


@api.waits
async def create_log_group(call: Call, node: Node, request: shapes.CreateLogGroupRequest) -> None:
    """The group is there, and empty: what somebody still wrote to one of its name before is forgotten."""
    if "kmsKeyId" in request:
        raise NotImplementedHere("Wakeful has no KMS: a log group cannot be encrypted with a key of it (kmsKeyId).")
    if request.get("logGroupClass", "STANDARD") != "STANDARD":
        raise NotImplementedHere("Wakeful has log groups of the class STANDARD only (logGroupClass).")
    group = await node.store.write(_create, call, request)
    await node.telemetry.forget_put_before(group.arn, int(group.created * 1000))


def _create(tx: Tx, call: Call, request: shapes.CreateLogGroupRequest) -> Group:
    is_protected = request.get("deletionProtectionEnabled", False)
    return groups.create(tx, call, request["logGroupName"], request.get("tags", {}), is_protected=is_protected)


@api.waits
async def delete_log_group(call: Call, node: Node, request: shapes.DeleteLogGroupRequest) -> None:
    """The group, its streams and all their events are gone."""
    arn = groups.arn_of(call, request["logGroupName"])
    await node.store.write(lambda tx: groups.delete(tx, groups.find(tx, call, arn)))
    await node.telemetry.forget_log(arn)


@api.waits
async def describe_log_groups(
    call: Call, node: Node, request: shapes.DescribeLogGroupsRequest
) -> shapes.DescribeLogGroupsResponse:
    """The groups by name. With logGroupNamePattern only three members of each are shown, as on AWS."""
    if "logGroupNamePrefix" in request and "logGroupNamePattern" in request:
        raise InvalidParameterException(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    if _is_elsewhere(call, request):
        return {"logGroups": []}
    limit = request.get("limit", limits.LOGS_DESCRIBE_MAX)
    found = await node.store.read(_listed, call, request, limit + 1)
    sizes = await node.telemetry.stored_bytes([group.arn for group in found[:limit]])
    is_brief = bool(request.get("logGroupNamePattern"))
    answer: shapes.DescribeLogGroupsResponse = {
        "logGroups": [_brief(group) if is_brief else _described(group, sizes[group.arn]) for group in found[:limit]]
    }
    if len(found) > limit:
        answer["nextToken"] = streams.page_token(found[limit - 1].name)
    return answer


def _is_elsewhere(call: Call, request: Mapping[str, Any]) -> bool:
    """Whether only groups of other accounts or other classes than there are were asked for."""
    accounts = request.get("accountIdentifiers") if request.get("includeLinkedAccounts") else None
    return (accounts is not None and call.account not in accounts) or request.get("logGroupClass") not in (
        None,
        "STANDARD",
    )


def _listed(tx: Tx, call: Call, request: shapes.DescribeLogGroupsRequest, count: int) -> list[Group]:
    after = str(streams.read_page_token(request["nextToken"], str)[0]) if "nextToken" in request else ""
    if "logGroupIdentifiers" in request:
        wanted = sorted({groups.arn_of_identifier(call, each) for each in request["logGroupIdentifiers"]})
        found = (groups.get(tx, arn) for arn in wanted)
        mine = [group for group in found if group and group.account == call.account and group.name > after]
        return sorted(mine, key=lambda group: group.name)[:count]
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    return groups.listed(tx, call, after, count, prefix=prefix, pattern=pattern)


def _brief(group: Group) -> shapes.LogGroup:
    return {"logGroupName": group.name, "creationTime": int(group.created * 1000), "arn": f"{group.arn}:*"}


def _described(group: Group, stored_bytes: int) -> shapes.LogGroup:
    return {
        **_brief(group),
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "storedBytes": stored_bytes,
        "logGroupClass": "STANDARD",
        "logGroupArn": group.arn,
        "deletionProtectionEnabled": group.is_protected,
    }


@api.writes
def put_retention_policy(call: Call, tx: Tx, request: shapes.PutRetentionPolicyRequest) -> None:
    group = groups.find(tx, call, groups.arn_of(call, request["logGroupName"]))
    groups.set_retention(tx, group, request["retentionInDays"])


@api.writes
def delete_retention_policy(call: Call, tx: Tx, request: shapes.DeleteRetentionPolicyRequest) -> None:
    groups.set_retention(tx, groups.find(tx, call, groups.arn_of(call, request["logGroupName"])), None)


@api.writes
def put_log_group_deletion_protection(call: Call, tx: Tx, request: shapes.PutLogGroupDeletionProtectionRequest) -> None:
    group = groups.find(tx, call, groups.arn_of_identifier(call, request["logGroupIdentifier"]))
    groups.protect(tx, group, request["deletionProtectionEnabled"])


# --- tags ------------------------------------------------------------------------------------------------------------


@api.reads
def list_tags_for_resource(
    call: Call, tx: Tx, request: shapes.ListTagsForResourceRequest
) -> shapes.ListTagsForResourceResponse:
    return {"tags": dict(groups.find(tx, call, groups.arn_of_resource(request["resourceArn"])).tags)}


@api.writes
def tag_resource(call: Call, tx: Tx, request: shapes.TagResourceRequest) -> None:
    group = groups.find(tx, call, groups.arn_of_resource(request["resourceArn"]))
    tags = {**group.tags, **request["tags"]}
    if len(tags) > limits.LOGS_TAGS_MAX:
        raise TooManyTagsException(resourceName=group.arn)
    groups.set_tags(tx, group, tags)


@api.writes
def untag_resource(call: Call, tx: Tx, request: shapes.UntagResourceRequest) -> None:
    group = groups.find(tx, call, groups.arn_of_resource(request["resourceArn"]))
    groups.set_tags(tx, group, _without(group.tags, request["tagKeys"]))


@api.reads
def list_tags_log_group(call: Call, tx: Tx, request: shapes.ListTagsLogGroupRequest) -> shapes.ListTagsLogGroupResponse:
    return {"tags": dict(groups.find(tx, call, groups.arn_of(call, request["logGroupName"])).tags)}


@api.writes
def tag_log_group(call: Call, tx: Tx, request: shapes.TagLogGroupRequest) -> None:
    group = groups.find(tx, call, groups.arn_of(call, request["logGroupName"]))
    groups.set_tags(tx, group, {**group.tags, **request["tags"]})


@api.writes
def untag_log_group(call: Call, tx: Tx, request: shapes.UntagLogGroupRequest) -> None:
    group = groups.find(tx, call, groups.arn_of(call, request["logGroupName"]))
    groups.set_tags(tx, group, _without(group.tags, request["tags"]))


def _without(tags: Mapping[str, str], keys: list[str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in keys}


# --- resource policies -----------------------------------------------------------------------------------------------


@api.writes
def put_resource_policy(
    call: Call, tx: Tx, request: shapes.PutResourcePolicyRequest
) -> shapes.PutResourcePolicyResponse:
    """Services may put events into the account's groups as the policy says."""
    _check_account_scope(request)
    for member in ("policyName", "policyDocument"):
        if not request.get(member):
            raise InvalidParameterException(f"{member} is required.")
    return {
        "resourcePolicy": _described_policy(policies.put(tx, call, request["policyName"], request["policyDocument"]))
    }


@api.reads
def describe_resource_policies(
    call: Call, tx: Tx, request: shapes.DescribeResourcePoliciesRequest
) -> shapes.DescribeResourcePoliciesResponse:
    """By name. There are none of a single group, since none can be made."""
    if "resourceArn" in request or request.get("policyScope", "ACCOUNT") != "ACCOUNT":
        return {"resourcePolicies": []}
    limit = request.get("limit", limits.LOGS_DESCRIBE_MAX)
    after = str(streams.read_page_token(request["nextToken"], str)[0]) if "nextToken" in request else ""
    found = policies.listed(tx, call, after)
    answer: shapes.DescribeResourcePoliciesResponse = {
        "resourcePolicies": [_described_policy(policy) for policy in found[:limit]]
    }
    if len(found) > limit:
        answer["nextToken"] = streams.page_token(found[limit - 1].name)
    return answer


@api.writes
def delete_resource_policy(call: Call, tx: Tx, request: shapes.DeleteResourcePolicyRequest) -> None:
    _check_account_scope(request)
    if not request.get("policyName"):
        raise InvalidParameterException("policyName is required.")
    policies.delete(tx, call, request["policyName"])


def _check_account_scope(request: Mapping[str, Any]) -> None:
    if "resourceArn" in request:
        raise NotImplementedHere(
            "Wakeful has resource policies of a whole account only, not of one group (resourceArn)."
        )
    if "expectedRevisionId" in request:
        raise InvalidParameterException("expectedRevisionId is for policies of a resourceArn only.")


def _described_policy(policy: ResourcePolicy) -> shapes.ResourcePolicy:
    return {
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": int(policy.updated * 1000),
        "policyScope": "ACCOUNT",
    }


# --- streams ---------------------------------------------------------------------------------------------------------


@api.writes
def create_log_stream(call: Call, tx: Tx, request: shapes.CreateLogStreamRequest) -> None:
    group = groups.find(tx, call, groups.arn_of(call, request["logGroupName"]))
    streams.create(tx, group, request["logStreamName"])


@api.waits
async def delete_log_stream(call: Call, node: Node, request: shapes.DeleteLogStreamRequest) -> None:
    """The stream and all its events are gone."""
    arn, name = groups.arn_of(call, request["logGroupName"]), request["logStreamName"]
    await node.store.write(lambda tx: streams.delete(tx, groups.find(tx, call, arn), name))
    await node.telemetry.forget_stream(arn, name)


@api.waits
async def describe_log_streams(
    call: Call, node: Node, request: shapes.DescribeLogStreamsRequest
) -> shapes.DescribeLogStreamsResponse:
    """The streams by name or by the time of their latest event, with how far each reaches."""
    arn = groups.arn_in(call, request)
    limit = request.get("limit", limits.LOGS_DESCRIBE_MAX)
    if request.get("orderBy") == "LastEventTime":
        return await _by_last_event(call, node, request, arn, limit)
    found = await node.store.read(_streams_by_name, call, request, arn, limit + 1)
    extents = await node.telemetry.extents_of(arn, [stream.name for stream in found[:limit]])
    answer: shapes.DescribeLogStreamsResponse = {
        "logStreams": [_described_stream(arn, stream, extents.get(stream.name)) for stream in found[:limit]]
    }
    if len(found) > limit:
        answer["nextToken"] = streams.page_token(found[limit - 1].name)
    return answer


def _streams_by_name(
    tx: Tx, call: Call, request: shapes.DescribeLogStreamsRequest, arn: str, count: int
) -> list[Stream]:
    group = groups.find(tx, call, arn)
    beyond = str(streams.read_page_token(request["nextToken"], str)[0]) if "nextToken" in request else None
    prefix = request.get("logStreamNamePrefix", "")
    return streams.listed(tx, group, beyond, count, prefix=prefix, descending=request.get("descending", False))


async def _by_last_event(
    call: Call, node: Node, request: shapes.DescribeLogStreamsRequest, arn: str, limit: int
) -> shapes.DescribeLogStreamsResponse:
    if "logStreamNamePrefix" in request:
        raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
    descending = request.get("descending", False)
    beyond = tuple(streams.read_page_token(request["nextToken"], int, str)) if "nextToken" in request else None
    every = await node.store.read(lambda tx: streams.every(tx, groups.find(tx, call, arn)))
    extents = {extent.stream: extent for extent in await node.telemetry.extents(arn)}

    def place(stream: Stream) -> tuple[int | str, ...]:
        extent = extents.get(stream.name)
        return (extent.last_ms if extent is not None else 0, stream.name)

    ordered = sorted(every, key=place, reverse=descending)
    if beyond is not None:
        ordered = [each for each in ordered if (place(each) < beyond if descending else place(each) > beyond)]
    answer: shapes.DescribeLogStreamsResponse = {
        "logStreams": [_described_stream(arn, stream, extents.get(stream.name)) for stream in ordered[:limit]]
    }
    if len(ordered) > limit:
        answer["nextToken"] = streams.page_token(*place(ordered[limit - 1]))
    return answer


def _described_stream(group_arn: str, stream: Stream, extent: StreamExtent | None) -> shapes.LogStream:
    described: shapes.LogStream = {
        "logStreamName": stream.name,
        "creationTime": int(stream.created * 1000),
        "arn": f"{group_arn}:log-stream:{stream.name}",
        "storedBytes": 0,  # no longer told of streams
    }
    if extent is not None:
        described["firstEventTimestamp"] = extent.first_ms
        described["lastEventTimestamp"] = extent.last_ms
        described["lastIngestionTime"] = extent.put_ms
        described["uploadSequenceToken"] = f"{extent.put_ms:056d}"
    return described
