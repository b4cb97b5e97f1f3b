"""Sandboxes from their start to their end, as root and as an ordinary user, with every kind of walls."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.environments import scenarios
from tests.environments.ground import FENCED, WITH_NAMESPACES, Ground, open_ground, people
from wakeful.environments.jail import processes

pytestmark = pytest.mark.slow

PLAIN_VARIABLES = {"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "PATH", "CALL", "GREETING"}


@pytest.fixture(scope="module", params=people())
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with open_ground(request.param) as opened:
        yield opened


@pytest.fixture(params=people())
def mortal(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """One of its own for each test, which may kill it."""
    with open_ground(request.param, may_die=True) as opened:
        yield opened


STARTS = pytest.mark.parametrize("prestart", [False, True], ids=["fresh", "waiting"])


@STARTS
def test_the_first_request_arrives(ground: Ground, prestart: bool) -> None:
    assert ground.run(scenarios.first_request, prestart=prestart).startswith("GET /2018-06-01/runtime/invocation/next")


def test_a_fresh_runtime_process_has_exactly_the_variables_it_was_given(ground: Ground) -> None:
    seen = ground.run(scenarios.report, prestart=False)
    extra = {"TMPDIR"} if ground.who == FENCED else set()
    assert set(seen["variables"]) == PLAIN_VARIABLES | extra
    assert seen["variables"]["GREETING"] == "grüße\nzweite Zeile"
    assert seen["directory"] == seen["task_root"]
    assert seen["stdin"] == "/dev/null"


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen before"])
def test_what_listens_inside_is_reached_from_outside(ground: Ground, frozen: bool) -> None:
    seen = ground.run(scenarios.reached_from_outside, frozen=frozen)
    assert seen["said"] == "hello"
    assert (seen["port"] == 9001) == (ground.who in WITH_NAMESPACES)
    assert seen["can_listen"] == (ground.who != FENCED)
    assert not seen["is_blocking"]
    assert seen["after"] == "no socket could be had from inside the sandbox"


@STARTS
def test_extensions_run_before_the_functions_code_and_after_it(ground: Ground, prestart: bool) -> None:
    seen = ground.run(scenarios.beside_extensions, prestart=prestart)
    assert sorted(seen["said"].splitlines()) == ["ended", "stays here"]
    assert seen["printed before"] == ""
    nothing = {"status": None, "signal": None, "out_of_memory": False, "error": None}
    assert seen["ends"] == [{**nothing, "status": 3}, {**nothing, "status": 0}, {**nothing, "signal": 15}]


def test_a_waiting_runtime_process_is_given_its_variables_when_it_is_assigned(ground: Ground) -> None:
    seen = ground.run(scenarios.report, prestart=True)
    assert seen["variables"]["WAKEFUL_CELL"] == "1"
    assert "GREETING" not in seen["variables"]
    assert set(seen["now"]) >= PLAIN_VARIABLES
    assert seen["now"]["GREETING"] == "grüße\nzweite Zeile"


@STARTS
def test_code_and_layers_are_where_the_sandbox_says(ground: Ground, prestart: bool) -> None:
    seen = ground.run(scenarios.report, prestart=prestart)
    assert seen["task"] == ["functions.py"]
    assert seen["now"]["LAMBDA_TASK_ROOT"] == seen["task_root"]
    if ground.who in WITH_NAMESPACES:
        assert (seen["task_root"], seen["opt_root"]) == ("/var/task", "/opt")
        assert seen["opt"] == ["layer.txt"]
        assert re.fullmatch(r"169\.254\.\d+\.\d+", seen["host"])
    else:
        assert Path(seen["opt_root"], "layer.txt").exists()


def test_exits_are_reported_as_they_were(ground: Ground) -> None:
    nothing = {"status": None, "signal": None, "out_of_memory": False, "error": None}
    assert ground.run(scenarios.end, how="0") == {**nothing, "status": 0}
    assert ground.run(scenarios.end, how="3") == {**nothing, "status": 3}
    assert ground.run(scenarios.end, how="SIGSEGV") == {**nothing, "signal": signal.SIGSEGV}
    assert ground.run(scenarios.end, how="SIGKILL") == {**nothing, "signal": signal.SIGKILL}


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("", 0, "no such file or directory"),
        ("#!/bin/sh\necho hello\n", 0o644, "permission denied"),
        ("\x7fELF and no more", 0o755, "exec format error"),
        ("#!/no/such/interpreter\n", 0o755, "no such file or directory"),
    ],
)
def test_a_bootstrap_that_cannot_be_run_is_reported_in_lambdas_words(
    ground: Ground, text: str, mode: int, reason: str
) -> None:
    ended = ground.run(scenarios.run_bootstrap, text=text, mode=mode)
    assert ended["error"].startswith("fork/exec /")
    assert ended["error"].endswith(f"/bootstrap: {reason}")
    assert (ended["status"], ended["signal"]) == (None, None)


def test_a_bootstrap_that_can_be_run_is(ground: Ground) -> None:
    ended = ground.run(scenarios.run_bootstrap, text="#!/bin/sh\necho hello\nexit 7\n", mode=0o755)
    assert (ended["status"], ended["printed"], ended["error"]) == (7, "hello\n", None)


def test_functions_that_start_programs_of_ever_new_names_leave_nothing_with_the_launcher(ground: Ground) -> None:
    ran = ground.run(scenarios.run_programs, count=6)
    assert ran["printed"] == [f"program {number}\n" for number in range(6)]
    assert ran["kept"] <= 1  # the file tree that all of them share


def test_a_runtime_that_was_forgotten_is_told_again(ground: Ground) -> None:
    ran = ground.run(scenarios.run_of_many_kinds, count=4, known_max=2)
    assert ran["statuses"] == [0] * 8
    assert ran["known"] <= 3  # two, and those of which cells wait
    assert ran["kept"] <= 1


def test_a_start_that_cannot_be_is_refused_with_its_reason(ground: Ground) -> None:
    reasons = ground.run(scenarios.refusals)
    if ground.who in WITH_NAMESPACES:
        assert "No such file or directory" in reasons["no code"]
        assert "could not be prepared" in reasons["reserved place"]
        assert "could not be prepared" in reasons["no interpreter"]
    else:
        assert "no such file or directory" in reasons["no code"].lower()


def test_tmp_is_empty_at_the_start_and_nobody_elses(ground: Ground) -> None:
    if ground.who == FENCED:
        pytest.skip("/tmp is the host's, and closed")
    assert ground.run(scenarios.tmp_is_ones_own) == [[], []]


def test_tmp_is_as_large_as_the_function_says(ground: Ground) -> None:
    if ground.who == FENCED:
        pytest.skip("/tmp is the host's, and closed")
    assert ground.run(scenarios.tmp_sizes, sizes=[64, 512, 10_240]) == [64, 512, 10_240]


@STARTS
def test_variables_may_be_large(ground: Ground, prestart: bool) -> None:
    assert ground.run(scenarios.carry_variables, size=120_000, prestart=prestart) == 120_000


def test_what_is_frozen_does_not_run_and_what_is_thawed_does(ground: Ground) -> None:
    took = ground.run(scenarios.freeze_and_thaw)
    assert took["frozen"] < 0.05
    assert took["printed"] == 0


def test_a_kill_takes_milliseconds_and_may_come_twice(ground: Ground) -> None:
    running, frozen, gone = ground.run(scenarios.kill_while_frozen)
    assert running < 0.5
    assert frozen < 0.5
    assert gone < 0.01


def test_usage_is_known_while_it_runs_and_afterwards(ground: Ground) -> None:
    (memory, cpu_s), (memory_after, cpu_s_after) = ground.run(scenarios.usage)
    assert 6 << 20 < memory <= memory_after < 64 << 20  # the interpreter itself is about nine
    assert 0.05 < cpu_s <= cpu_s_after < 5


def test_forty_cold_starts_at_once_all_come_to_their_first_request(ground: Ground) -> None:
    assert ground.run(scenarios.start_many, count=40) == 40


def test_fifty_sandboxes_leave_no_descriptor_behind(ground: Ground) -> None:
    before, after = ground.run(scenarios.leak, count=50)
    assert after <= before


@pytest.mark.parametrize("function", ["count_up", "chatter", "bomb"])
def test_whatever_one_sandbox_does_others_start(ground: Ground, function: str) -> None:
    if function == "bomb" and not (ground.who in WITH_NAMESPACES and ground.counts):
        pytest.skip("nothing but CPU time holds a fork bomb back here")
    assert ground.run(scenarios.beside, function=function) < 5


def test_a_runtime_that_dies_while_it_warms_up_is_reported_with_what_it_wrote(ground: Ground) -> None:
    for reason in ground.run(scenarios.broken_runtime):
        if ground.who != FENCED:
            assert "no such library" in reason


def test_a_start_that_nobody_waits_for_leaves_nothing(ground: Ground) -> None:
    assert ground.run(scenarios.cancelled_start) <= 0


def test_as_many_cells_wait_as_were_asked_for(ground: Ground) -> None:
    if ground.who == FENCED:
        pytest.skip("behind Landlock a runtime starts with its function, so it does not wait")
    assert ground.run(scenarios.change_the_number_that_waits) == [3, 1, 0]


def test_a_launcher_that_is_killed_takes_all_with_it_and_is_replaced(mortal: Ground) -> None:
    if mortal.who == FENCED:
        pytest.skip("covered by the keepers' own test")
    after = mortal.run(scenarios.kill_the_launcher)
    assert after["signal"] == signal.SIGKILL
    assert after["again"].startswith("GET ")
    assert after["another"]


def test_a_node_that_is_killed_leaves_nothing(mortal: Ground) -> None:
    pids = mortal.run(scenarios.run_on) if mortal.who != FENCED else [mortal.opened.launcher_pid]
    assert mortal.opened.launcher_pid in pids
    mortal.process.kill()
    mortal.process.wait()
    wait_for(lambda: not alive(pids), "every process is gone")
    wait_for(lambda: not groups_of(mortal.opened.launcher_pid), "its control groups are gone")
    wait_for(lambda: not rooms_of(mortal.opened.launcher_pid), "its directories are gone")


def test_a_node_that_is_killed_leaves_nothing_even_where_its_children_hold_on(mortal: Ground) -> None:
    """The launcher's channel does not end then, but its parent does."""
    holder = mortal.run(scenarios.leave_a_child_of_the_node)
    mortal.process.kill()
    mortal.process.wait()
    try:
        wait_for(lambda: not alive([mortal.opened.launcher_pid]), "the launcher is gone")
        assert alive([holder])
    finally:
        os.kill(holder, signal.SIGKILL)


def test_what_a_killed_launcher_leaves_is_removed_by_the_next(mortal: Ground) -> None:
    """Node and launcher die at once: the kernel ends the processes, the next launcher clears the rest."""
    pids = mortal.run(scenarios.run_on) if mortal.who != FENCED else [mortal.opened.launcher_pid]
    os.kill(mortal.opened.launcher_pid, signal.SIGKILL)
    mortal.process.kill()
    mortal.process.wait()
    wait_for(lambda: not alive(pids), "every process is gone")
    with open_ground(mortal.who):
        wait_for(lambda: not groups_of(mortal.opened.launcher_pid), "its control groups are gone")
        wait_for(lambda: not rooms_of(mortal.opened.launcher_pid), "its directories are gone")


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if processes.state(pid) not in ("", "Z")]


def groups_of(launcher: int) -> list[Path]:
    # Others come and go while we look, which `os.walk` takes as it comes.
    below = ((folder, name) for folder, names, _ in os.walk("/sys/fs/cgroup") for name in names)
    return [Path(folder, name) for folder, name in below if name.startswith(f"wakeful-{launcher}-")]


def rooms_of(launcher: int) -> list[Path]:
    return list(Path("/tmp").glob(f"wakeful-rooms-{launcher}-*"))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"not within 10 s: {what}"
        time.sleep(0.005)
