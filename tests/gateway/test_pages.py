"""A page in a browser of this machine, against a node that takes any key."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode
from wakeful.gateway.pages import is_from_elsewhere
from wakeful.services import iam
from wakeful.wire.message import HttpRequest

ELSEWHERE: list[dict[str, str]] = [
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://127.0.0.1.elsewhere.example"},
    {"origin": "http://localhost@elsewhere.example"},
    {"origin": "http://[::1"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site", "referer": "https://elsewhere.example/"},
]
HERE: list[dict[str, str]] = [
    {},
    {"origin": "http://localhost:3000"},
    {"origin": "http://app.localhost"},
    {"origin": "http://127.0.0.1:8080"},
    {"origin": "http://[::1]:8080"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "referer": "http://localhost:3000/"},
]


@pytest.mark.parametrize(("headers", "expected"), [*((h, True) for h in ELSEWHERE), *((h, False) for h in HERE)])
def test_browsers_say_where_a_page_comes_from(headers: dict[str, str], expected: bool) -> None:
    assert is_from_elsewhere(HttpRequest("GET", "/", "", headers)) is expected


@pytest.mark.parametrize("headers", ELSEWHERE[:2] + ELSEWHERE[-1:])
def test_a_page_from_elsewhere_can_do_nothing_with_a_key_that_nobody_made(
    node: RunningNode, headers: dict[str, str]
) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="pictures")
    s3.put_object(Bucket="pictures", Key="a", Body=b"x")
    delete = b"<Delete><Object><Key>a</Key></Object></Delete>"
    signed = s3.generate_presigned_url("delete_object", {"Bucket": "pictures", "Key": "a"})
    assert status(signed, headers, "DELETE") == 403
    assert status(f"{node.endpoint}/pictures?delete", headers, "POST", delete) == 403
    assert status(f"{node.endpoint}/_wakeful/clock", headers, "POST", b'{"advance_s": 1}') == 403
    assert node.node.clock.offset_s == 0
    assert s3.list_objects_v2(Bucket="pictures")["KeyCount"] == 1


def test_a_page_whose_name_leads_here_cannot_look_into_the_node(node: RunningNode) -> None:
    port = node.endpoint.rpartition(":")[2]
    for path in ("health", "notes", "bill", "traces/x", "dev/x"):
        assert status(f"{node.endpoint}/_wakeful/{path}", {"host": f"elsewhere.example:{port}"}, "GET") == 403
    for host in (f"localhost:{port}", f"wakeful.localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert status(f"{node.endpoint}/_wakeful/health", {"host": host}, "GET") == 200


def test_a_page_from_elsewhere_is_believed_with_a_key_that_was_made_here(node: RunningNode) -> None:
    key = node.run(node.node.store.write(iam.make_root_key, "000000000000"))
    s3 = node.client("s3", key=key.id, secret=key.secret)
    s3.create_bucket(Bucket="pictures")
    signed = s3.generate_presigned_url("list_objects_v2", {"Bucket": "pictures"})
    assert status(signed, ELSEWHERE[0]) == 200


def test_a_refused_page_is_told_why(node: RunningNode) -> None:
    def ask(request: Any, **_: Any) -> None:
        request.headers["Origin"] = "https://elsewhere.example"

    client = node.new_client("sqs")
    client.meta.events.register("before-send.sqs", ask)
    with pytest.raises(ClientError, match=r"AccessDenied.*web page from elsewhere"):
        client.list_queues()


def status(address: str, headers: dict[str, str], method: str = "GET", body: bytes | None = None) -> int:
    request = urllib.request.Request(address, body, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
