"""Reserved concurrency, and what an account may have and uses."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.errors import refusal
from tests.functions import ECHO, call, deploy, package
from tests.running_node import RunningNode

pytestmark = pytest.mark.slow


@pytest.fixture
def node(tidied_node: RunningNode) -> RunningNode:
    return tidied_node


def test_concurrency_is_reserved_shown_and_given_back(client: Any) -> None:
    deploy(client)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="f")
    assert "Concurrency" not in client.get_function(FunctionName="f")
    put = client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=7)
    assert put["ReservedConcurrentExecutions"] == 7
    assert client.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 7
    assert client.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 7}
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 993
    client.delete_function_concurrency(FunctionName="f")
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000


def test_a_function_with_nothing_reserved_is_throttled_with_awss_reason(client: Any) -> None:
    deploy(client)
    call(client)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName="f")
    answer = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Error"]["Code"] == "TooManyRequestsException"
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client.delete_function_concurrency(FunctionName="f")
    assert call(client, event=1).payload == 1


def test_a_hundred_stay_for_the_functions_without_a_reservation(client: Any) -> None:
    deploy(client, "f")
    deploy(client, "g")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=800)
    code, message = refusal(client.put_function_concurrency, FunctionName="g", ReservedConcurrentExecutions=101)
    assert code == "InvalidParameterValueException"
    assert message.endswith("below its minimum value of [100].")
    client.put_function_concurrency(FunctionName="g", ReservedConcurrentExecutions=100)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=700)


def test_concurrency_is_reserved_for_functions_that_are_there_and_not_for_versions(client: Any) -> None:
    for operation, more in (
        (client.put_function_concurrency, {"ReservedConcurrentExecutions": 1}),
        (client.get_function_concurrency, {}),
        (client.delete_function_concurrency, {}),
    ):
        assert refusal(operation, FunctionName="nobody", **more)[0] == "ResourceNotFoundException"
        assert refusal(operation, FunctionName="f:1", **more)[0] == "InvalidParameterValueException"


def test_what_an_account_uses_is_counted(client: Any) -> None:
    assert client.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    body = package(index__py=ECHO)
    deploy(client, Code={"ZipFile": body})
    client.publish_version(FunctionName="f")
    client.publish_layer_version(LayerName="l", Content={"ZipFile": body})
    used = client.get_account_settings()
    assert used["AccountUsage"] == {"TotalCodeSize": 3 * len(body), "FunctionCount": 1}
    assert used["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert used["AccountLimit"]["CodeSizeZipped"] == 50 * 1024 * 1024
