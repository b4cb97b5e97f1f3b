"""The variables that a function finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakeful.environments import variables
from wakeful.environments.version import Credentials, Version

CREDENTIALS = Credentials("ASIA", "secret", "token", 0.0)


def inside(**settings: object) -> dict[str, str]:
    given = {
        "arn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
        "name": "f",
        "version": "7",
        "account": "000000000000",
        "region": "eu-west-1",
        "revision": "1",
        "runtime": "python3.12",
        "handler": "app.handler",
        "code": Path("/nowhere"),
        "role_arn": "arn:aws:iam::000000000000:role/r",
    }
    version = Version(**{**given, **settings})  # type: ignore[arg-type]
    return variables.inside(version, CREDENTIALS, endpoint_url="http://127.0.0.1:4566", log_stream="stream")


def test_lambdas_variables_are_all_there() -> None:
    found = inside(memory_mb=256)
    assert found == {
        "AWS_ACCESS_KEY_ID": "ASIA",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": (
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
        ),
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "PYTHONPATH": "/var/runtime",
        "TZ": ":UTC",
        "WAKEFUL_LAYERS_ROOT": "/opt",
        "_HANDLER": "app.handler",
    }


def test_each_runtime_has_its_search_path() -> None:
    node = inside(runtime="nodejs22.x")
    assert node["NODE_PATH"] == (
        "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    )
    assert "PYTHONPATH" not in node
    custom = inside(runtime="provided.al2023")
    assert "AWS_EXECUTION_ENV" not in custom
    assert "NODE_PATH" not in custom


def test_the_functions_own_come_before_the_defaults_and_after_the_reserved() -> None:
    found = inside(variables={"PATH": "/mine", "AWS_REGION": "forged", "_HANDLER": "forged", "MINE": "x"})
    assert (found["PATH"], found["AWS_REGION"], found["_HANDLER"], found["MINE"]) == (
        "/mine",
        "eu-west-1",
        "app.handler",
        "x",
    )


def test_the_log_configuration_is_passed_on() -> None:
    assert "AWS_LAMBDA_LOG_FORMAT" not in inside()
    found = inside(log_format="JSON", application_log_level="DEBUG", log_group="mine")
    assert (found["AWS_LAMBDA_LOG_FORMAT"], found["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "DEBUG")
    assert found["AWS_LAMBDA_LOG_GROUP_NAME"] == "mine"


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("MINE", False),
        ("PATH", False),
        ("PYTHONPATH", False),
        ("PYTHONHASHSEED", True),
        ("LD_LIBRARY_PATH", True),
        ("LC_ALL", True),
        ("GLIBC_TUNABLES", True),
        ("AWS_LAMBDA_EXEC_WRAPPER", True),
        ("NODE_OPTIONS", False),
    ],
)
def test_what_a_process_reads_once_needs_a_process(name: str, needs: bool) -> None:
    assert variables.needs_own_process({name: "x"}, ("PYTHON",), frozenset({"PYTHONPATH"})) == needs
