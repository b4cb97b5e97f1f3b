"""Which rights a request asks for, on what ("Actions, resources, and condition keys for AWS Lambda")."""

from __future__ import annotations

from typing import Any

import pytest

from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import needs

CALL = Call(
    "000000000000",
    "us-east-1",
    Principal("root", "arn:aws:iam::000000000000:root", "000000000000"),
    "r",
    Trace("t"),
    "http://x",
)
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
CONFIG = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-" + "0" * 17


@pytest.mark.parametrize(
    ("operation", "request_", "rights"),
    [
        ("CreateCodeSigningConfig", {}, [("lambda:CreateCodeSigningConfig", "*")]),
        ("ListCodeSigningConfigs", {}, [("lambda:ListCodeSigningConfigs", "*")]),
        ("GetCodeSigningConfig", {"CodeSigningConfigArn": CONFIG}, [("lambda:GetCodeSigningConfig", CONFIG)]),
        ("CreateEventSourceMapping", {"FunctionName": "f"}, [("lambda:CreateEventSourceMapping", "*")]),
        ("ListEventSourceMappings", {"FunctionName": "f"}, [("lambda:ListEventSourceMappings", "*")]),
        (
            "UpdateEventSourceMapping",
            {"UUID": "u", "FunctionName": "f"},
            [("lambda:UpdateEventSourceMapping", "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:u")],
        ),
        (
            "PutFunctionCodeSigningConfig",
            {"FunctionName": "f", "CodeSigningConfigArn": CONFIG},
            [("lambda:PutFunctionCodeSigningConfig", FUNCTION), ("lambda:PutFunctionCodeSigningConfig", CONFIG)],
        ),
        ("TagResource", {"Resource": CONFIG, "Tags": {}}, [("lambda:TagResource", CONFIG)]),
        (
            "PutResourcePolicy",
            {"ResourceArn": f"{FUNCTION}:live", "Policy": "{}"},
            [("lambda:PutResourcePolicy", f"{FUNCTION}:live")],
        ),
        ("InvokeAsync", {"FunctionName": "f:live"}, [("lambda:InvokeAsync", f"{FUNCTION}:live")]),
        ("PutFunctionRecursionConfig", {"FunctionName": "f"}, [("lambda:PutFunctionRecursionConfig", FUNCTION)]),
        (
            "PutRuntimeManagementConfig",
            {"FunctionName": "f", "Qualifier": "1"},
            [("lambda:PutRuntimeManagementConfig", f"{FUNCTION}:1")],
        ),
    ],
)
def test_a_request_needs_rights_on_what_it_names(
    operation: str, request_: dict[str, Any], rights: list[tuple[str, str]]
) -> None:
    assert [(need.action, need.resource) for need in needs(CALL, operation, request_)] == rights


def test_whose_code_signing_a_function_has_is_a_condition_key() -> None:
    (need,) = needs(CALL, "CreateFunction", {"FunctionName": "f", "CodeSigningConfigArn": CONFIG})
    assert need.context["lambda:CodeSigningConfigArn"] == CONFIG


def test_the_function_of_a_mapping_is_a_condition() -> None:
    (need,) = needs(CALL, "CreateEventSourceMapping", {"FunctionName": "f:live"})
    assert need.context == {"lambda:FunctionArn": f"{FUNCTION}:live"}
