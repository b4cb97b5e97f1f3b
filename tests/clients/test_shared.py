"""Several invocations at a time on a runtime client that AWS publishes, in real sandboxes."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.clients import builds
from tests.functions import ROLE, Answer, call

pytestmark = pytest.mark.slow

SLOTS = 4


@pytest.fixture(scope="module")
def go(lambda_: Any) -> str:
    """A published version of the function on AWS's client for Go, on managed instances."""
    package = builds.package(builds.GO)
    permissions = {"CapacityProviderOperatorRoleArn": ROLE}
    vpc = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    made = lambda_.create_capacity_provider(CapacityProviderName="p", VpcConfig=vpc, PermissionsConfig=permissions)
    until(lambda: lambda_.get_capacity_provider(CapacityProviderName="p")["CapacityProvider"]["State"] == "Active")
    arn = made["CapacityProvider"]["CapacityProviderArn"]
    config = {"CapacityProviderArn": arn, "PerExecutionEnvironmentMaxConcurrency": SLOTS}
    lambda_.create_function(
        FunctionName="go-shared",
        Runtime="provided.al2023",
        Role=ROLE,
        Handler="bootstrap",
        Code={"ZipFile": package},
        Timeout=1,
        CapacityProviderConfig={"LambdaManagedInstancesCapacityProviderConfig": config},
        Publish=True,
    )
    until(lambda: lambda_.get_function_configuration(FunctionName="go-shared", Qualifier="1")["State"] == "Active")
    return "go-shared:1"


def until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def beside(lambda_: Any, go: str, threads: ThreadPoolExecutor, count: int) -> list[Future[Answer]]:
    """Invocations that are under way when this returns, for longer than they may be."""
    begun: Any = call(lambda_, go, {}).payload
    sleeping = [threads.submit(call, lambda_, go, {"do": "sleep"}) for _ in range(count)]
    until(lambda: call(lambda_, go, {}).payload["count"] >= begun["count"] + count + 1)
    return sleeping


def test_others_are_answered_while_some_sleep_and_time_out(lambda_: Any, go: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        sleeping = beside(lambda_, go, threads, 2)
        prompt = call(lambda_, go, {"text": "beside"})
        failed = call(lambda_, go, {"do": "fail"})
        assert not any(each.done() for each in sleeping)
        late = [each.result() for each in sleeping]
    assert (prompt.error, prompt.payload["event"]) == (None, {"text": "beside"})
    assert (failed.error, failed.payload["errorMessage"]) == ("Unhandled", "as asked")
    words = {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 1.00 seconds"}
    assert [(each.error, each.payload) for each in late] == [("Unhandled", words)] * 2
    after = call(lambda_, go, {}).payload  # by the two workers that are left
    assert after["logStream"] == prompt.payload["logStream"]


def test_the_exit_of_the_process_fails_all_and_another_takes_its_place(lambda_: Any, go: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        sleeping = beside(lambda_, go, threads, 1)
        before = call(lambda_, go, {}).payload
        left = call(lambda_, go, {"do": "exit"})
        for each in (left, *(one.result() for one in sleeping)):
            assert (each.error, each.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
            assert each.payload["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    after = call(lambda_, go, {}).payload
    assert after["logStream"] != before["logStream"]
