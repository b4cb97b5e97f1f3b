"""SNS's operations on platform applications and their endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.sns import paging, platforms
from wakeful.services.sns.api import api
from wakeful.services.sns.arns import application_arn, endpoint_arn
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import sns as shapes


@api.writes
def create_platform_application(
    call: Call, tx: Tx, request: shapes.CreatePlatformApplicationInput
) -> shapes.CreatePlatformApplicationResponse:
    """The application is there. Whether its credentials are good, only its platform could say, and it is not asked."""
    made = platforms.create(tx, call, request["Name"], request["Platform"], request["Attributes"])
    return {"PlatformApplicationArn": made.arn}


@api.reads
def get_platform_application_attributes(
    call: Call, tx: Tx, request: shapes.GetPlatformApplicationAttributesInput
) -> shapes.GetPlatformApplicationAttributesResponse:
    return {"Attributes": platforms.find(tx, application_arn(request["PlatformApplicationArn"])).shown()}


@api.writes
def set_platform_application_attributes(
    call: Call, tx: Tx, request: shapes.SetPlatformApplicationAttributesInput
) -> None:
    platforms.set_attributes(tx, application_arn(request["PlatformApplicationArn"]), request["Attributes"])


@api.writes
def delete_platform_application(call: Call, tx: Tx, request: shapes.DeletePlatformApplicationInput) -> None:
    """Neither the application nor an endpoint of it is left; there may have been none."""
    platforms.delete(tx, application_arn(request["PlatformApplicationArn"]))


@api.reads
def list_platform_applications(
    call: Call, tx: Tx, request: shapes.ListPlatformApplicationsInput
) -> shapes.ListPlatformApplicationsResponse:
    found = platforms.of_caller(tx, call, paging.after(request), limits.SNS_LIST_MAX + 1)
    page = found[: limits.SNS_LIST_MAX]
    return {
        "PlatformApplications": [{"PlatformApplicationArn": each.arn, "Attributes": each.shown()} for each in page],
        "NextToken": paging.token(page[-1].arn) if len(found) > len(page) else None,
    }


@api.writes
def create_platform_endpoint(
    call: Call, tx: Tx, request: shapes.CreatePlatformEndpointInput
) -> shapes.CreateEndpointResponse:
    """The endpoint is there; asked again with the same attributes, its ARN is answered again."""
    arn = application_arn(request["PlatformApplicationArn"])
    data, attributes = request.get("CustomUserData"), request.get("Attributes", {})
    made = platforms.create_endpoint(tx, arn, request["Token"], data, attributes, call.effects)
    return {"EndpointArn": made.arn}


@api.reads
def get_endpoint_attributes(
    call: Call, tx: Tx, request: shapes.GetEndpointAttributesInput
) -> shapes.GetEndpointAttributesResponse:
    return {"Attributes": platforms.find_endpoint(tx, endpoint_arn(request["EndpointArn"])).shown()}


@api.writes
def set_endpoint_attributes(call: Call, tx: Tx, request: shapes.SetEndpointAttributesInput) -> None:
    arn = endpoint_arn(request["EndpointArn"])
    platforms.set_endpoint_attributes(tx, arn, request["Attributes"], call.effects)


@api.writes
def delete_endpoint(call: Call, tx: Tx, request: shapes.DeleteEndpointInput) -> None:
    """No endpoint of that ARN is left; there may have been none."""
    platforms.delete_endpoint(tx, endpoint_arn(request["EndpointArn"]), call.effects)


@api.reads
def list_endpoints_by_platform_application(
    call: Call, tx: Tx, request: shapes.ListEndpointsByPlatformApplicationInput
) -> shapes.ListEndpointsByPlatformApplicationResponse:
    arn = platforms.find(tx, application_arn(request["PlatformApplicationArn"])).arn
    found = platforms.endpoints(tx, arn, paging.after(request), limits.SNS_LIST_MAX + 1)
    page = found[: limits.SNS_LIST_MAX]
    return {
        "Endpoints": [{"EndpointArn": each.arn, "Attributes": each.shown()} for each in page],
        "NextToken": paging.token(page[-1].arn) if len(found) > len(page) else None,
    }
