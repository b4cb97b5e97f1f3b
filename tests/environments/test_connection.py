"""A launcher that cannot start, or ends, is an error with a reason, and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from wakeful.environments import connection
from wakeful.environments.connection import Connection, LauncherFailed, connect
from wakeful.environments.jail import processes

MESSAGES = 500  # of some kilobytes: more than a socket takes at once, and fewer than a usual shell lets files be open

OPENING = {
    "walls": "none",
    "endpoint_port": 4566,
    "limits": {"memory_mb": 128, "tmp_mb": 512, "processes_max": 1024, "open_files_max": 1024, "cores": 0.0},
}


def ignore(message: object) -> None:
    """Nothing is said that matters here."""


def test_a_launcher_says_what_it_found_and_ends_when_asked() -> None:
    async def scenario() -> None:
        lost: list[bool] = []
        opened = await connect(OPENING, ignore, lambda: lost.append(True))
        assert set(opened.features) >= {"groups", "has_users"}
        assert processes.state(opened.pid) in ("R", "S")
        await opened.close()
        assert lost == [True]
        assert processes.state(opened.pid) == ""
        await opened.close()

    asyncio.run(scenario())


def test_walls_that_nobody_knows_are_refused_with_the_reason_and_nobody_is_lost() -> None:
    lost: list[bool] = []
    with pytest.raises(LauncherFailed, match="paper"):
        asyncio.run(connect({**OPENING, "walls": "paper"}, ignore, lambda: lost.append(True)))
    assert lost == []


def test_a_launcher_that_does_not_come_up_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_PROGRAM", "raise SystemExit(5)")
    with pytest.raises(LauncherFailed, match="status 5"):
        asyncio.run(connect(OPENING, ignore, lambda: None))


def test_the_launcher_has_nothing_of_the_nodes_environment() -> None:
    async def scenario() -> None:
        opened = await connect(OPENING, ignore, lambda: None)
        try:
            environment = Path(f"/proc/{opened.pid}/environ").read_bytes()
            assert b"WAKEFUL_TEST_SECRET" not in environment
            assert os.getsid(opened.pid) != os.getsid(0)
        finally:
            await opened.close()

    os.environ["WAKEFUL_TEST_SECRET"] = "x"
    try:
        asyncio.run(scenario())
    finally:
        del os.environ["WAKEFUL_TEST_SECRET"]


def test_nothing_but_the_standard_library_and_the_jail_is_in_the_launcher() -> None:
    """It is started apart from everything that the node has installed."""

    async def scenario() -> str:
        opened = await connect(OPENING, ignore, lambda: None)
        try:
            return Path(f"/proc/{opened.pid}/maps").read_text()
        finally:
            await opened.close()

    assert "site-packages" not in asyncio.run(scenario())


def test_descriptors_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def once() -> None:
        await (await connect(OPENING, ignore, lambda: None)).close()

    async def scenario() -> list[int]:
        await once()
        counts = []
        for _ in range(3):
            await once()
            counts.append(descriptor_count())
        return counts

    counts = asyncio.run(scenario())
    assert counts[0] == counts[-1]


def test_what_is_said_to_a_launcher_that_is_dead_is_forgotten_with_its_descriptors() -> None:
    async def scenario() -> None:
        lost = asyncio.get_running_loop().create_future()
        opened = await connect(OPENING, ignore, lambda: lost.set_result(None))
        null = os.open("/dev/null", os.O_RDONLY)
        os.kill(opened.pid, signal.SIGSTOP)
        before = descriptor_count()
        for _ in range(MESSAGES):
            opened.send({"verb": "prepare", "runtime": 99, "count": 0, "fill": "x" * 5000}, [null])
        assert descriptor_count() > before
        os.kill(opened.pid, signal.SIGKILL)
        await asyncio.wait_for(lost, 20)
        opened.send({"verb": "close"}, [null])
        assert descriptor_count() < before  # its own channel is gone, too
        os.close(null)

    asyncio.run(scenario())


def descriptor_count() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_messages_wait_until_the_launcher_listens() -> None:
    """More than a socket's buffer takes at once, all heard in the end."""

    async def scenario() -> int:
        refused = []
        all_heard = asyncio.get_running_loop().create_future()
        count = MESSAGES

        def hear(message: Any) -> None:
            refused.append(message.body["sandbox"])
            if len(refused) == count:
                all_heard.set_result(None)

        opened: Connection = await connect(OPENING, hear, lambda: None)
        null = os.open("/dev/null", os.O_RDONLY)
        start = {"verb": "start", "runtime": 99, "code": "/" + "x" * 5000, "layers": None, "extensions": []}
        start |= {"limits": OPENING["limits"], "argv": [], "is_template": False, "tenant": ""}
        for number in range(count):
            opened.send({**start, "sandbox": number}, [null])
        await asyncio.wait_for(all_heard, 20)
        os.close(null)
        await opened.close()
        assert refused == list(range(count))
        return len(refused)

    assert asyncio.run(scenario()) == MESSAGES
