"""Working on a function: what a save does, to whom it serves, and what is left of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.functions import NODE_RUNTIME, call, deploy, needs_node, package, wait_until_updated
from tests.running_node import RunningNode, running_node
from tests.services.lambda_.workbench import ask, at_work, content, put, refused
from wakeful import limits

pytestmark = pytest.mark.slow


def code(answer: int) -> str:
    return f"import part\ndef handler(event, context):\n    return [{answer}, part.ANSWER]\n"


def deployed(client: Any, name: str = "f", answer: int = 0, **settings: Any) -> str:
    files = package(index__py=code(answer), part__py=f"ANSWER = {answer}\n")
    return deploy(client, name, Code={"ZipFile": files}, **settings)


def test_the_next_invocation_after_a_save_runs_the_new_code(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    with at_work(node, arn) as line:
        assert line.event() == {"state": "ready", "fault": None}
        for answer in (1, 2, 3, 4, 5, 6, 7):  # more than trees are kept
            saved = line.save(index__py=code(answer), part__py=f"ANSWER = {answer}\n")
            assert saved["serves"] and saved["fault"] is None
            assert call(client).payload == [answer, answer]


def test_an_environment_stands_ready_before_anybody_calls(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    with at_work(node, arn) as line:
        line.event()
        line.save(part__py="ANSWER = 1\n")
        assert node.node.environments.counts.idle == 1


def test_what_was_uploaded_serves_again_when_nobody_works_any_more(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    with at_work(node, arn) as line:
        line.event()
        line.save(index__py=code(1))
        assert call(client).payload == [1, 0]
    assert call(client).payload == [0, 0]


def test_code_that_does_not_load_is_told_and_what_ran_goes_on(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    with at_work(node, arn) as line:
        line.event()
        saved = line.save(index__py="def handler(event, context)\n    return 1\n")
        assert not saved["serves"]
        assert saved["fault"]["errorType"] == "Runtime.UserCodeSyntaxError"
        assert "index.py" in saved["fault"]["errorMessage"]
        assert call(client).payload == [0, 0]
        assert line.save(part__py="ANSWER = 2\n")["serves"] is False  # the mistake is still there
        assert line.save(index__py=code(3))["serves"]
        assert call(client).payload == [3, 2]  # and nothing was lost on the way


def test_code_that_does_not_load_serves_where_nothing_else_did(node: RunningNode, client: Any) -> None:
    arn = deploy(client, code="import nothing\n")
    with at_work(node, arn) as line:
        fault = line.event()["fault"]
        assert fault["errorType"] == "Runtime.ImportModuleError"
        saved = line.save(index__py="import nothing_else\n")
        assert saved["serves"] and "nothing_else" in saved["fault"]["errorMessage"]
        assert "nothing_else" in call(client).payload["errorMessage"]


def test_whoever_calls_during_saves_gets_the_old_or_the_new_code_whole(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    answers: list[Any] = []
    is_over = threading.Event()

    def invoke() -> None:
        mine = node.client("lambda")
        while not is_over.is_set():
            answers.append(call(mine).payload)

    callers = [threading.Thread(target=invoke) for _ in range(3)]
    with at_work(node, arn) as line:
        line.event()
        for caller in callers:
            caller.start()
        for answer in range(1, 13):
            line.save(index__py=code(answer), part__py=f"ANSWER = {answer}\n")
        is_over.set()
        for caller in callers:
            caller.join()
    assert [answer for answer in answers if not isinstance(answer, list) or answer[0] != answer[1]] == []
    assert len({answer[0] for answer in answers}) > 1


def test_a_call_that_is_under_way_finishes_on_the_code_it_began_with(node: RunningNode, client: Any) -> None:
    slow = "import time\ndef handler(event, context):\n    time.sleep(0.4)\n    import late\n    return late.ANSWER\n"
    arn = deploy(client, Code={"ZipFile": package(index__py=slow, late__py="ANSWER = 'old'\n")})
    with at_work(node, arn) as line:
        line.event()
        answers: list[Any] = []
        caller = threading.Thread(target=lambda: answers.append(call(client).payload))
        caller.start()
        while node.node.environments.counts.idle:  # until it has the event
            pass
        line.save(late__py="ANSWER = 'new'\n")
        caller.join()
        assert answers == ["old"]
        assert call(client).payload == "new"


def test_files_come_go_and_give_way_to_folders(node: RunningNode, client: Any) -> None:
    listing = (
        "import os\ndef handler(event, context):\n"
        "    return sorted(os.path.relpath(os.path.join(at, each), '.') for at, _, names in os.walk('.')"
        " for each in names)\n"
    )
    arn = deploy(client, code=listing)
    with at_work(node, arn) as line:
        line.event()
        files: dict[str, Any] = {"data": content("1"), "deep/er/file": content("2"), "link": {"to": "data"}}
        assert put(node, arn, {"files": files})[0] == 200
        assert call(client).payload == ["data", "deep/er/file", "index.py", "link"]
        files = {"data/now/a-folder": content("3"), "deep": None, "link": None, "nothing/there": None}
        assert put(node, arn, {"files": files})[0] == 200
        assert call(client).payload == ["data/now/a-folder", "index.py"]


def test_new_settings_serve_with_the_saved_code(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    with at_work(node, arn) as line:
        line.event()
        env = "import os\ndef handler(event, context):\n    return os.environ.get('WORD')\n"
        line.save(index__py=env)
        assert call(client).payload is None
        client.update_function_configuration(FunctionName="f", Environment={"Variables": {"WORD": "hello"}})
        wait_until_updated(client, "f")
        assert call(client).payload == "hello"


def test_whoever_uploads_code_meanwhile_is_served_until_the_next_save(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    with at_work(node, arn) as line:
        line.event()
        line.save(index__py=code(1))
        client.update_function_code(FunctionName="f", ZipFile=package(index__py=code(7), part__py="ANSWER = 7\n"))
        wait_until_updated(client, "f")
        assert call(client).payload == [7, 7]
        line.save(part__py="ANSWER = 2\n")
        assert call(client).payload == [1, 2]


def test_published_versions_are_not_touched(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    client.publish_version(FunctionName="f")
    with at_work(node, arn) as line:
        line.event()
        line.save(index__py=code(1))
        assert call(client).payload == [1, 0]
        client.get_waiter("function_active_v2").wait(
            FunctionName="f", Qualifier="1", WaiterConfig={"Delay": 0.02, "MaxAttempts": 3000}
        )
        assert call(client, Qualifier="1").payload == [0, 0]


@needs_node
def test_node_js_functions_run_what_was_saved(node: RunningNode, client: Any) -> None:
    source = "export const handler = async () => ANSWER;\n"
    files = package(index__mjs=source.replace("ANSWER", "0"))
    arn = deploy(client, Runtime=NODE_RUNTIME, Code={"ZipFile": files})
    with at_work(node, arn) as line:
        line.event()
        assert line.save(index__mjs=source.replace("ANSWER", "1"))["serves"]
        assert call(client).payload == 1
        fault = line.save(index__mjs="export const handler = (")["fault"]
        assert "SyntaxError" in fault["errorType"]
        assert call(client).payload == 1


def test_a_save_leads_nowhere_outside_of_the_function(node: RunningNode, client: Any, tmp_path: Path) -> None:
    arn = deployed(client)
    secret = tmp_path / "secret"
    secret.mkdir()
    with at_work(node, arn) as line:
        line.event()
        for path in ("../out", "/etc/out", "a/../../out", "", "a\\b"):
            status, answer = put(node, arn, {"files": {path: content("x")}})
            assert status == 400, (path, answer)
        assert put(node, arn, {"files": {"door": {"to": str(secret)}}})[0] == 200
        assert put(node, arn, {"files": {"door/inside": content("x")}})[0] == 200
        assert put(node, arn, {"files": {"door/inside": None}})[0] == 200
        assert list(secret.iterdir()) == []
        assert call(client).payload == [0, 0]


def test_a_save_that_is_none_is_refused_and_changes_nothing(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    with at_work(node, arn) as line:
        line.event()
        documents: list[Any] = [{}, {"files": []}, {"files": {"x": 1}}, {"files": {"x": {"content": "?"}}}, []]
        for document in documents:
            assert put(node, arn, document)[0] == 400
        assert put(node, arn, {"files": {"fine": content(""), "../x": None}})[0] == 400
        line.save(index__py="import os\ndef handler(event, context):\n    return os.path.exists('fine')\n")
        assert call(client).payload is False


def test_a_function_may_not_grow_beyond_what_lambda_allows(
    node: RunningNode, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = deployed(client)
    monkeypatch.setattr(limits, "LAMBDA_UNZIPPED_BYTES_MAX", 5000)
    with at_work(node, arn) as line:
        line.event()
        status, answer = put(node, arn, {"files": {"large": content("x" * 6000)}})
        assert (status, answer["message"]) == (400, "Unzipped size must be smaller than 5000 bytes")
        assert line.save(part__py="ANSWER = 1\n")["serves"]


def test_only_one_at_a_time_works_on_a_function(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    with at_work(node, arn):
        assert refused(node, arn) == (409, "Somebody works on f already. Only one at a time can.")
    assert put(node, arn, {"files": {}}) == (409, {"message": "Nobody works on f."})


def test_what_is_no_function_cannot_be_worked_on(node: RunningNode) -> None:
    assert refused(node, "arn:aws:lambda:us-east-1:000000000000:function:none")[0] == 404
    assert put(node, "none", {"files": {}})[0] == 400


def test_web_pages_and_functions_cannot_work_on_functions(node: RunningNode, client: Any) -> None:
    arn = deployed(client)
    assert put(node, arn, {"files": {}}, Origin="https://example.com")[0] == 403
    inside = (
        "import http.client, os, urllib.parse\ndef handler(event, context):\n"
        "    at = urllib.parse.urlsplit(os.environ['AWS_ENDPOINT_URL'])\n"
        "    line = http.client.HTTPConnection(at.hostname, at.port)\n"
        "    line.request('PUT', '/_wakeful/dev/' + event, '{}')\n"
        "    return line.getresponse().status\n"
    )
    deploy(client, "g", inside)
    assert call(client, "g", arn).payload == 403


def test_once_a_root_has_a_key_its_signature_is_needed(tmp_path: Path) -> None:
    with running_node(tmp_path / "data") as node:
        client = node.client("lambda")
        arn = deployed(client)
        node.client("iam").create_access_key()
        status, answer = put(node, arn, {"files": {}})
        assert (status, answer["message"]) == (403, "this needs a signature by the root of an account")


def test_a_node_that_ends_ends_the_work(tmp_path: Path) -> None:
    with running_node(tmp_path / "data") as node:
        arn = deployed(node.client("lambda"))
        answer = ask(node, "POST", arn, {})
        assert answer.readline().startswith(b'{"state"')
        node.stop()
        answer.read()
        answer.connection.close()  # type: ignore[attr-defined]
