"""The configuration of function URLs: one for a function and one for each alias, as AWS shows and refuses it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.errors import refusal, status_of
from tests.functions import deploy
from tests.running_node import RunningNode
from wakeful.services.lambda_.references import Reference
from wakeful.services.lambda_.urls import addresses as addresses
from wakeful.services.lambda_.urls.addresses import Url

CORS = {
    "AllowCredentials": True,
    "AllowHeaders": ["x-own"],
    "AllowMethods": ["GET", "POST"],
    "AllowOrigins": ["https://example.com"],
    "ExposeHeaders": ["x-told"],
    "MaxAge": 60,
}


@pytest.fixture
def node(tidied_node: RunningNode) -> RunningNode:
    return tidied_node


def test_a_url_is_made_shown_changed_and_deleted(node: RunningNode, client: Any) -> None:
    arn = deploy(client)
    made = client.create_function_url_config(FunctionName="f", AuthType="NONE", Cors=CORS, InvokeMode="BUFFERED")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["FunctionArn"] == arn
    assert (made["AuthType"], made["Cors"], made["InvokeMode"]) == ("NONE", CORS, "BUFFERED")
    assert "LastModifiedTime" not in made
    port = urlsplit(node.endpoint).port
    assert re.fullmatch(rf"http://[a-z0-9]{{32}}\.lambda-url\.us-east-1\.localhost:{port}/", made["FunctionUrl"]), made[
        "FunctionUrl"
    ]
    node.advance(60)
    changed = client.update_function_url_config(FunctionName=arn, AuthType="AWS_IAM")
    assert (changed["AuthType"], changed["Cors"]) == ("AWS_IAM", CORS)
    assert (changed["FunctionUrl"], changed["CreationTime"]) == (made["FunctionUrl"], made["CreationTime"])
    assert changed["LastModifiedTime"] > changed["CreationTime"]
    found = client.get_function_url_config(FunctionName="f")
    assert {**found, "ResponseMetadata": None} == {**changed, "ResponseMetadata": None}
    assert client.delete_function_url_config(FunctionName="f")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(client.get_function_url_config, FunctionName="f") == (
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
    again = client.create_function_url_config(FunctionName="f", AuthType="NONE")
    assert again["FunctionUrl"] != made["FunctionUrl"]


def test_cors_is_replaced_whole_and_an_empty_one_takes_it_away(client: Any) -> None:
    deploy(client)
    client.create_function_url_config(FunctionName="f", AuthType="NONE", Cors=CORS)
    assert client.update_function_url_config(FunctionName="f", Cors={"MaxAge": 1})["Cors"] == {"MaxAge": 1}
    assert "Cors" not in client.update_function_url_config(FunctionName="f", Cors={})
    assert "Cors" not in client.get_function_url_config(FunctionName="f")


def test_a_function_and_each_of_its_aliases_have_one_url(client: Any) -> None:
    arn = deploy(client)
    client.publish_version(FunctionName="f")
    for alias in ("live", "test"):
        client.create_alias(FunctionName="f", Name=alias, FunctionVersion="1")
    client.create_function_url_config(FunctionName="f", AuthType="NONE")
    client.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")
    made = client.create_function_url_config(FunctionName="f:test", AuthType="AWS_IAM")
    assert made["FunctionArn"] == f"{arn}:test"
    code, message = refusal(client.create_function_url_config, FunctionName="f:live", AuthType="NONE")
    assert (code, message) == (
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {arn}:live]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function",
    )
    first = client.list_function_url_configs(FunctionName="f", MaxItems=2)
    rest = client.list_function_url_configs(FunctionName="f", MaxItems=2, Marker=first["NextMarker"])
    assert "NextMarker" not in rest
    listed = [*first["FunctionUrlConfigs"], *rest["FunctionUrlConfigs"]]
    assert [each["FunctionArn"] for each in listed] == [arn, f"{arn}:live", f"{arn}:test"]


def test_a_url_goes_with_its_alias_and_with_its_function(node: RunningNode, client: Any) -> None:
    deploy(client)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    client.create_function_url_config(FunctionName="f", AuthType="NONE")
    client.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")
    client.delete_alias(FunctionName="f", Name="live")
    assert refusal(client.get_function_url_config, FunctionName="f:live")[0] == "ResourceNotFoundException"
    assert len(client.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"]) == 1
    client.delete_function(FunctionName="f")
    deploy(client)
    assert client.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"] == []


def test_what_has_no_url_says_so(client: Any) -> None:
    missing = ("ResourceNotFoundException", "Function does not exist")
    assert refusal(client.create_function_url_config, FunctionName="none", AuthType="NONE") == missing
    assert refusal(client.list_function_url_configs, FunctionName="none") == missing
    deploy(client)
    assert refusal(client.create_function_url_config, FunctionName="f", Qualifier="live", AuthType="NONE") == missing
    for ask in (client.get_function_url_config, client.update_function_url_config, client.delete_function_url_config):
        assert refusal(ask, FunctionName="f")[0] == "ResourceNotFoundException"
        assert status_of(ask, FunctionName="f") == 404


def test_versions_have_no_url(client: Any) -> None:
    deploy(client)
    for names in ({"FunctionName": "f", "Qualifier": "1"}, {"FunctionName": "f", "Qualifier": "$LATEST"}):
        code, message = refusal(client.create_function_url_config, **names, AuthType="NONE")
        assert code == "ValidationException"
        assert "failed to satisfy constraint: Member must satisfy regular expression pattern" in message


def test_a_function_with_tenants_has_no_url(client: Any) -> None:
    deploy(client, TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    code, message = refusal(client.create_function_url_config, FunctionName="f", AuthType="NONE")
    assert (code, message) == (
        "InvalidParameterValueException",
        "Function URLs cannot be used with tenant isolation.",
    )


def test_the_invoke_mode_is_shown_and_changed(client: Any) -> None:
    deploy(client)
    made = client.create_function_url_config(FunctionName="f", AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    assert made["InvokeMode"] == "RESPONSE_STREAM"
    changed = client.update_function_url_config(FunctionName="f", InvokeMode="BUFFERED")
    assert changed["InvokeMode"] == "BUFFERED"
    assert client.get_function_url_config(FunctionName="f")["InvokeMode"] == "BUFFERED"


def test_from_elsewhere_a_url_is_shown_by_path_because_its_host_is_known_on_this_machine_only() -> None:
    url = Url("a" * 32, Reference("000000000000", "eu-west-1", "f"), {"AuthType": "NONE"}, 0, 0)
    by_host = f"{'a' * 32}.lambda-url.eu-west-1.localhost"
    assert addresses.address(url, "http://127.0.0.1:4566") == f"http://{by_host}:4566/"
    assert addresses.address(url, "https://localhost") == f"https://{by_host}/"
    assert addresses.address(url, "http://[::1]:1") == f"http://{by_host}:1/"
    assert addresses.address(url, "http://node:4566") == f"http://node:4566/_wakeful/urls/{'a' * 32}/"
    assert addresses.address(url, "http://10.0.0.1:4566") == f"http://10.0.0.1:4566/_wakeful/urls/{'a' * 32}/"


def test_a_place_is_known_by_host_or_path() -> None:
    name = "0123456789abcdefghijklmnopqrstuv"
    for host, path, below in (
        (f"{name}.lambda-url.us-east-1.on.aws", "/a/b", "/a/b"),
        (f"{name.upper()}.lambda-url.us-east-1.localhost:4566", "/", "/"),
        (f"{name}.lambda-url.us-east-1.localhost", "/_wakeful/health", "/_wakeful/health"),
        ("localhost:4566", f"/_wakeful/urls/{name}", "/"),
        ("localhost:4566", f"/_wakeful/urls/{name}/", "/"),
        ("localhost:4566", f"/_wakeful/urls/{name}/a%20b", "/a%20b"),
    ):
        place = addresses.place_of(host, path)
        assert place is not None, (host, path)
        assert (place.id, place.path, place.is_by_host) == (name, below, "lambda-url" in host)
    for host, path in (
        ("lambda-url.us-east-1.localhost", "/"),
        (f"{name}.lambda-url.localhost", "/"),
        (f"x{name}.lambda-url.us-east-1.localhost", "/"),
        (f"{name}.s3.us-east-1.localhost", "/"),
        ("localhost", f"/_wakeful/urls/{name}x/"),
        ("localhost", f"/urls/{name}/"),
    ):
        assert addresses.place_of(host, path) is None, (host, path)
