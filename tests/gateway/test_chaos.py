"""Who may have things go wrong, and for whom."""

from __future__ import annotations

import json
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.cli.conftest import wakeful
from tests.experiments import ask
from tests.gateway.test_authenticate import ACCOUNT, OTHER, ann, root_key
from tests.running_node import RunningNode
from wakeful.gateway.admin import Admin
from wakeful.wire.message import HttpRequest

ASKED = {"target": "queue:*", "faults": {"throttle": {"rate": 1, "times": 1}}}


def signed(node: RunningNode, who: dict[str, str], method: str, rest: str = "", document: Any = None) -> Any:
    body = b"" if document is None else json.dumps(document).encode()
    request = AWSRequest(method, f"{node.endpoint}/_wakeful/chaos{rest}", data=body)
    SigV4Auth(Credentials(who["key"], who["secret"]), "wakeful", "us-east-1").add_auth(request)
    return ask(node.endpoint, method, rest, document, **dict(request.headers.items()))


def test_once_there_are_keys_a_root_signs_for_chaos_in_its_own_account(node: RunningNode) -> None:
    assert ask(node.endpoint, "POST", "", ASKED)[0] == 200, "an open node"
    mine, theirs = root_key(node), root_key(node, OTHER)
    user = ann(node, **mine)
    assert ask(node.endpoint, "POST", "", ASKED)[0] == 403
    assert ask(node.endpoint, "DELETE")[0] == 403
    assert signed(node, user, "POST", "", ASKED)[0] == 403
    status, told = signed(node, theirs, "POST", "", ASKED)
    assert (status, told["account"]) == (200, OTHER)
    status, refused = signed(node, mine, "POST", "", {**ASKED, "account": OTHER})
    assert (status, refused["message"]) == (400, f"arn:aws:sqs:us-east-1:{OTHER}:* is another account's")
    assert signed(node, mine, "DELETE", f"/{told['id']}")[0] == 404
    assert signed(node, mine, "DELETE", f"?account={OTHER}")[0] == 404
    assert [each["account"] for each in signed(node, mine, "DELETE")[1]["ended"]] == [ACCOUNT]
    assert ask(node.endpoint, "GET", f"/{told['id']}")[1]["is_running"]
    credentials = {"AWS_ACCESS_KEY_ID": theirs["key"], "AWS_SECRET_ACCESS_KEY": theirs["secret"]}
    said = wakeful("chaos", "off", endpoint=node.endpoint, **credentials)
    assert (said.status, said.out.partition(" ")[0]) == (0, told["id"])


def test_a_function_may_not(node: RunningNode) -> None:
    for method, rest in (("POST", ""), ("GET", ""), ("DELETE", "")):
        answer = node.run(inside(node, method, rest))
        assert answer.status == 403


async def inside(node: RunningNode, method: str, rest: str) -> Any:
    http = HttpRequest(method, f"/_wakeful/chaos{rest}", "", {}, b"{}")
    return await Admin(node.node).answer(http, b"{}", is_inside=True, has_left=lambda: False)
