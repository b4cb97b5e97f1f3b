"""`wakeful dev` and `wakeful debug` as somebody types them."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Typed, typed, wakeful
from tests.functions import RUNTIME, call, deploy
from tests.node_process import NodeProcess
from tests.running_node import RunningNode
from wakeful import limits

pytestmark = pytest.mark.slow

GOOD = 'def handler(event, context):\n    print("said", event)\n    return "ANSWER"\n'


def folder(tmp_path: Path, name: str, text: str = GOOD) -> Path:
    place = tmp_path / name
    place.mkdir()
    (place / "app.py").write_text(text)
    return place


def until(command: Typed, words: str) -> list[str]:
    """What it says up to the line with these words."""
    said: list[str] = []
    while True:
        said.append(command.line())
        assert len(said) < 100, said
        if words in said[-1]:
            return said


def test_dev_makes_a_function_shows_what_it_does_and_runs_what_is_saved(shared: RunningNode, tmp_path: Path) -> None:
    place = folder(tmp_path, "my.story")
    client = shared.client("lambda")
    with typed("dev", str(place), endpoint=shared.endpoint) as command:
        said = until(command, "Ctrl-C")
        assert said[0] == f"Made my-story: {RUNTIME}, handler app.handler, because app.py has handler()."
        assert said[1] == f"Watching {place}. Invoke it with: wakeful invoke my-story"
        assert call(client, "my-story", 7).payload == "ANSWER"
        assert until(command, "✓")[0] == "  said 7"
        (place / "app.py").write_text(GOOD.replace("ANSWER", "new"))
        assert "↻ app.py  in " in until(command, "↻")[-1]
        assert call(client, "my-story", 8).payload == "new"
        until(command, "✓")
        (place / "app.py").write_text("def handler(event, context)\n")
        assert until(command, "✗")[-1] == "✗ app.py"
        assert "Runtime.UserCodeSyntaxError" in until(command, "UserCodeSyntaxError")[-1]
        until(command, "What ran before goes on.")
        assert call(client, "my-story", 9).payload == "new"
        (place / "app.py").write_text(GOOD.replace("ANSWER", "last"))
        until(command, "↻")
        command.interrupt()
        rest = command.rest()
    assert rest.status == 0 and rest.err == "" and "my-story stays" in rest.out
    assert call(client, "my-story").payload == "last"
    found = client.get_function_configuration(FunctionName="my-story")
    assert (found["Handler"], found["LastUpdateStatus"]) == ("app.handler", "Successful")


def test_dev_leaves_the_settings_of_a_function_that_is_there(shared: RunningNode, tmp_path: Path) -> None:
    client = shared.client("lambda")
    deploy(client, "there", Handler="app.handler", Timeout=7, Environment={"Variables": {"AA": "1"}})
    with typed("dev", str(folder(tmp_path, "there")), endpoint=shared.endpoint) as command:
        assert until(command, "Ctrl-C")[0] == f"there is there ({RUNTIME}, app.handler); its settings stay."
        assert call(client, "there").payload == "ANSWER"
        command.interrupt()
        command.rest()
    assert client.get_function_configuration(FunctionName="there")["Timeout"] == 7
    place = str(folder(tmp_path, "again"))
    with typed("dev", place, "--name", "there", "--env", "BB=2", endpoint=shared.endpoint) as command:
        assert until(command, "Ctrl-C")[0] == "there is there; set: Environment."
        command.interrupt()
        command.rest()
    assert client.get_function_configuration(FunctionName="there")["Environment"]["Variables"] == {"AA": "1", "BB": "2"}


def test_dev_tells_at_the_beginning_that_the_code_does_not_load(shared: RunningNode, tmp_path: Path) -> None:
    place = folder(tmp_path, "broken", "import nothing_of_that_name\ndef handler(event, context): ...\n")
    with typed("dev", str(place), endpoint=shared.endpoint) as command:
        until(command, "✗ the code does not load")
        until(command, "nothing_of_that_name")
        assert call(shared.client("lambda"), "broken").error == "Unhandled"
        said = until(command, "✗")  # the invocation; why was said already
        assert "Runtime.ImportModuleError" in said[-1]
        (place / "app.py").write_text(GOOD)
        until(command, "↻")
        assert call(shared.client("lambda"), "broken").payload == "ANSWER"
        command.interrupt()
        assert command.rest().status == 0


def test_dev_tells_how_a_debugger_attaches(shared: RunningNode, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    place = folder(tmp_path, "debugged")
    with typed("dev", str(place), "--debug", "--debug-port", str(port), endpoint=shared.endpoint) as command:
        said = until(command, "Watching")
        assert f"A debugger can attach to 127.0.0.1:{port}; no timeout applies." in said
        launch = json.loads("\n".join(said[said.index("  {") : said.index("  }") + 1]))
        assert launch["connect"] == {"host": "127.0.0.1", "port": port} and launch["type"] == "debugpy"
        assert launch["pathMappings"] == [{"localRoot": str(place), "remoteRoot": "/var/task"}]
        assert "debugged (its debugger listens)" in wakeful("status", endpoint=shared.endpoint).out
        command.interrupt()
        assert command.rest().status == 0
    while "worked on" in wakeful("status", endpoint=shared.endpoint).out:
        pass  # until the node has noticed


def test_debug_is_for_a_function_that_is_there(shared: RunningNode) -> None:
    deploy(shared.client("lambda"), "as-it-is")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with typed("debug", "as-it-is", "--debug-port", str(port), endpoint=shared.endpoint) as command:
        until(command, "Ctrl-C")
        assert call(shared.client("lambda"), "as-it-is", 1).payload == 1
        command.interrupt()
        assert "as-it-is runs as before." in command.rest().out
    refused = wakeful("debug", "not-there", endpoint=shared.endpoint)
    assert (refused.status, refused.err.split(":")[0]) == (1, "ResourceNotFoundException")


def test_a_second_one_at_a_function_changes_nothing_of_it(shared: RunningNode, tmp_path: Path) -> None:
    client = shared.client("lambda")
    other = folder(tmp_path, "other", GOOD.replace("ANSWER", "other"))
    with typed("dev", str(folder(tmp_path, "taken")), endpoint=shared.endpoint) as command:
        until(command, "Ctrl-C")
        second = wakeful("dev", str(other), "--name", "taken", "--memory", "512", endpoint=shared.endpoint)
        assert (second.status, second.err.strip()) == (
            1,
            "Somebody works on taken already. Only one at a time can.",
        )
        assert call(client, "taken").payload == "ANSWER"
        assert client.get_function_configuration(FunctionName="taken")["MemorySize"] == 128


def test_a_folder_that_is_removed_and_there_again_is_worked_on_again(shared: RunningNode, tmp_path: Path) -> None:
    place = folder(tmp_path, "removed")
    with typed("dev", str(place), endpoint=shared.endpoint) as command:
        until(command, "Ctrl-C")
        shutil.rmtree(place)
        until(command, "has gone. What ran goes on until it is there again.")
        assert call(shared.client("lambda"), "removed").payload == "ANSWER"
        folder(tmp_path, "removed", GOOD.replace("ANSWER", "new"))
        until(command, "↻")
        assert call(shared.client("lambda"), "removed").payload == "new"


def test_a_terminal_that_is_closed_leaves_what_was_saved(shared: RunningNode, tmp_path: Path) -> None:
    place = folder(tmp_path, "closed")
    with typed("dev", str(place), endpoint=shared.endpoint) as command:
        until(command, "Ctrl-C")
        (place / "app.py").write_text(GOOD.replace("ANSWER", "last"))
        until(command, "↻")
        command.terminate()
        assert command.rest().status == 0
    assert call(shared.client("lambda"), "closed").payload == "last"


def test_a_save_that_is_refused_is_told_and_made_up_for_by_the_next(
    shared: RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder(tmp_path, "refused")
    with typed("dev", str(place), endpoint=shared.endpoint) as command:
        until(command, "Ctrl-C")
        monkeypatch.setattr(limits, "LAMBDA_UNZIPPED_BYTES_MAX", 1000)
        (place / "app.py").write_text(GOOD.replace("ANSWER", "new") + "#" * 1000)
        until(command, "Unzipped size must be smaller")
        until(command, "What ran before goes on.")
        monkeypatch.undo()
        (place / "other.py").write_text("")
        until(command, "↻ app.py and 1 more")
        assert call(shared.client("lambda"), "refused").payload == "new"


def test_a_function_that_is_deleted_ends_the_work(shared: RunningNode, tmp_path: Path) -> None:
    with typed("dev", str(folder(tmp_path, "deleted")), endpoint=shared.endpoint) as command:
        until(command, "Ctrl-C")
        shared.client("lambda").delete_function(FunctionName="deleted")
        rest = command.rest()
    assert (rest.status, rest.err) == (1, "deleted has been deleted.\n")
    names = [each["FunctionName"] for each in shared.client("lambda").list_functions()["Functions"]]
    assert "deleted" not in names


def test_dev_waits_for_a_node_that_is_started_again(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", "--isolation", "none")
    node.start()
    place = folder(tmp_path, "again")
    try:
        with typed("dev", str(place), endpoint=node.endpoint) as command:
            until(command, "Ctrl-C")
            node.kill()
            until(command, "The node has ended. Waiting")
            (place / "app.py").write_text(GOOD.replace("ANSWER", "meanwhile"))
            node.start()
            until(command, "Ctrl-C")
            assert call(node.client("lambda"), "again").payload == "meanwhile"
            (place / "app.py").write_text(GOOD.replace("ANSWER", "new"))
            until(command, "↻")
            assert call(node.client("lambda"), "again").payload == "new"
    finally:
        node.stop()


def test_dev_says_what_it_lacks(shared: RunningNode, tmp_path: Path) -> None:
    assert "No node answers" in wakeful("dev", str(folder(tmp_path, "f"))).err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "There is nothing in" in wakeful("dev", str(empty), endpoint=shared.endpoint).err
    (empty / "notes.txt").write_text("x")
    assert "Say it with --runtime and --handler" in wakeful("dev", str(empty), endpoint=shared.endpoint).err
    assert "--env takes NAME=VALUE" in wakeful("dev", str(empty), "--env", "x", endpoint=shared.endpoint).err
