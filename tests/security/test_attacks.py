"""What a function must not be able to do, each tried from inside a real sandbox, as root and as an ordinary user."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environments.ground import FENCED, FROM_STEM, ROOT, USER, WITH_NAMESPACES, Ground, open_ground, people
from tests.security import neighbours, scenarios

pytestmark = pytest.mark.slow

SMALL = {"memory_mb": 128, "tmp_mb": 64, "processes_max": 50, "open_files_max": 100}


@pytest.fixture(scope="module", params=[*people(), *(f"{who}{FROM_STEM}" for who in (ROOT, USER) if who in people())])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Somebody's sandboxes: root's, an ordinary user's, with and without control groups and namespaces."""
    with open_ground(request.param) as opened:
        yield opened


@pytest.fixture
def walled(ground: Ground) -> Ground:
    """Those with namespaces; what an ordinary process behind Landlock sees differs."""
    if ground.who not in WITH_NAMESPACES:
        pytest.skip("for sandboxes with namespaces")
    return ground


def achieved(ground: Ground, function: str, **arguments: Any) -> Any:
    return ground.run(scenarios.attack, function=function, arguments=arguments)


# ── other functions, the node, the host ──────────────────────────────────────────────────────────────────────────────


def test_another_functions_code_layers_and_environment_cannot_be_read(ground: Ground) -> None:
    found = ground.run(scenarios.attack_beside_another)
    assert found["files"] == []
    assert found["environments"] == []
    if ground.who in WITH_NAMESPACES:
        assert found["paths"] == []


def test_the_nodes_data_directory_cannot_be_reached(ground: Ground) -> None:
    data = ground.folder / "data"
    assert (data / "ledger.db").exists()
    if ground.who in WITH_NAMESPACES:
        assert achieved(ground, "reach_paths", paths=[str(data), str(data / "ledger.db")]) == []
    assert achieved(ground, "find_in_files", needle="secret of the " + "node") == []


def test_homes_of_the_host_cannot_be_reached(walled: Ground) -> None:
    interpreter = Path(os.path.realpath("/usr/bin/python3" if walled.who == USER else os.sys.base_prefix))  # type: ignore[attr-defined]
    homes = [str(entry) for home in ("/root", "/home") if os.access(home, os.R_OK) for entry in Path(home).iterdir()]
    private = [path for path in homes if not interpreter.is_relative_to(path)]
    assert private, "this host has nothing in its homes to protect"
    assert achieved(walled, "reach_paths", paths=private) == []


def test_only_its_own_processes_are_seen(ground: Ground) -> None:
    seen = achieved(ground, "see_processes")
    assert "jail.main" not in str(seen)
    assert str(ground.opened.launcher_pid) not in seen
    if ground.who in WITH_NAMESPACES:
        assert len(seen) == 1


def test_processes_of_the_host_cannot_be_signalled(ground: Ground) -> None:
    pids = [ground.opened.pid, ground.opened.launcher_pid, os.getpid()]
    assert achieved(ground, "signal_processes", pids=pids) == []


def test_the_keeper_cannot_be_stopped_or_looked_into(walled: Ground) -> None:
    assert achieved(walled, "stop_the_keeper") == "still here"
    assert achieved(walled, "look_into_processes") == []
    assert achieved(walled, "read_environments", needle="PATH") == []


def test_other_processes_cannot_be_looked_into(ground: Ground) -> None:
    assert achieved(ground, "look_into_processes") == []


def test_another_environments_runtime_api_cannot_be_reached(walled: Ground) -> None:
    assert walled.run(scenarios.attack_another_runtime_api) == ["knock"]


def test_behind_landlock_the_ports_of_another_environment_are_closed(ground: Ground) -> None:
    if ground.who != FENCED:
        pytest.skip("for sandboxes in the host's own network")
    assert ground.run(scenarios.attack_another_port) == []


def test_services_on_the_host_cannot_be_reached(ground: Ground) -> None:
    name = f"\0wakeful-test-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as unix,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as named,
    ):
        udp.bind(("127.0.0.1", 0))
        unix.bind(name)
        unix.listen(1)
        path = str(ground.folder.parent / "service.sock")
        Path(path).unlink(missing_ok=True)
        named.bind(path)
        named.listen(1)
        Path(path).chmod(0o777)
        addresses = [["tcp", tcp.getsockname()[1]], ["udp", udp.getsockname()[1]], ["unix", name], ["unix", path]]
        assert achieved(ground, "reach_addresses", addresses=addresses) == []


def test_services_on_the_host_cannot_be_reached_around_the_corner(ground: Ground) -> None:
    path = ground.folder.parent / "datagrams.sock"
    path.unlink(missing_ok=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(str(path))
        path.chmod(0o777)
        assert achieved(ground, "reach_by_other_ways", port=tcp.getsockname()[1], path=str(path)) == []


def test_no_address_beyond_loopback_is_reached_and_no_name_is_found(ground: Ground) -> None:
    elsewhere = [[host, int(port)] for host, _, port in (each.rpartition("/") for each in neighbours.ELSEWHERE)]
    own = [[host, 80] for host in neighbours.addresses_of_the_host() if host not in ("127.0.0.1", "::1")]
    assert achieved(ground, "leave_the_network", addresses=[*elsewhere, *own], names=["example.com"]) == []


def test_behind_landlock_nobody_is_let_in_from_outside(ground: Ground) -> None:
    if ground.who != FENCED:
        pytest.skip("for sandboxes in the host's own network")
    assert achieved(ground, "listen_anywhere") == []


def test_files_of_the_nodes_user_cannot_be_changed_or_watched(ground: Ground) -> None:
    assert ground.run(scenarios.change_a_file_of_the_node) == []


def test_processes_of_the_nodes_user_cannot_be_disturbed(ground: Ground) -> None:
    pids = [ground.opened.pid, ground.opened.launcher_pid]
    found = achieved(ground, "disturb_processes", pids=pids)
    # In a process namespace of its own these are nobody's numbers, and "all" are its own.
    assert [what for what in found if what != "priority of all" or ground.who == FENCED] == []


def test_shared_memory_of_the_host_cannot_be_attached(ground: Ground) -> None:
    assert ground.run(scenarios.attach_shared_memory) == []


def test_where_it_is_among_the_hosts_control_groups_is_not_seen(walled: Ground) -> None:
    lines = achieved(walled, "my_cgroup").splitlines()
    assert [line for line in lines if "wakeful" in line] == []
    if walled.counts:
        assert {line.rpartition(":")[2] for line in lines if ":memory:" in line or line.startswith("0::")} == {"/"}


def test_the_node_is_where_the_endpoint_says(ground: Ground) -> None:
    """The other side of the test above: what should be reached is."""
    assert ground.run(scenarios.knock_at_endpoint) == "knock"


# ── the walls themselves ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_function_is_lambdas_user_and_has_no_rights(walled: Ground) -> None:
    me = achieved(walled, "who_am_i")
    assert (me["uid"], me["gid"]) == (993, 990)
    assert set(me["groups"]) <= {990, 65534}
    assert {me[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (me["NoNewPrivs"], me["Seccomp"]) == ("1", "2")


def test_behind_landlock_the_function_has_no_rights(ground: Ground) -> None:
    me = achieved(ground, "who_am_i")
    assert {me[name] for name in ("CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (me["NoNewPrivs"], me["Seccomp"]) == ("1", "2")


def test_as_root_every_sandbox_has_a_user_of_its_own(ground: Ground) -> None:
    if ground.who != ROOT:
        pytest.skip("an ordinary user has only itself to give")
    first, second = ground.run(scenarios.users_of_two)
    # From outside: never root, never each other's while both live.
    assert int(first) > 1_000_000_000
    assert first != "0" != second


def test_rights_cannot_be_gained(ground: Ground) -> None:
    assert achieved(ground, "gain_rights") == []


def test_namespaces_cannot_be_made_or_entered(ground: Ground) -> None:
    assert achieved(ground, "make_namespaces") == []


def test_mounts_cannot_be_changed(ground: Ground) -> None:
    assert achieved(ground, "change_mounts") == []


def test_nothing_of_the_host_is_mounted_but_what_is_said(walled: Ground) -> None:
    host_paths = [(source, place) for source, place, _ in achieved(walled, "mounts")]
    folder = str(walled.folder)
    shown = [source for source, place in host_paths if folder in source and place not in ("/var/task", "/var/stem")]
    assert shown == []
    assert sum(place == "/" for _, place in host_paths) == 1, "something lies on top of the root"
    assert [options for _, place, options in achieved(walled, "mounts") if place == "/" and "ro" not in options] == []


def test_everything_mounted_is_read_only_and_honours_no_set_user_id(walled: Ground) -> None:
    for _, place, options in achieved(walled, "mounts"):
        given = set(options.split(","))
        assert "nosuid" in given or place.startswith("/proc"), place
        assert "ro" in given or place == "/tmp" or place.startswith("/proc"), place
        assert "nodev" in given or place.startswith(("/dev/", "/proc/")), place


def test_nothing_can_be_written_but_tmp(walled: Ground) -> None:
    assert achieved(walled, "write_everywhere") == []


def test_kernel_settings_cannot_be_written(ground: Ground) -> None:
    assert achieved(ground, "write_kernel_settings") == []


def test_kernel_memory_keys_and_messages_cannot_be_read(ground: Ground) -> None:
    assert achieved(ground, "read_kernel_memory") == []


def test_files_cannot_be_opened_by_their_handles(ground: Ground) -> None:
    assert achieved(ground, "open_by_handle") == []


def test_devices_cannot_be_made_or_controlled(walled: Ground) -> None:
    assert achieved(walled, "use_devices") == []


def test_the_launchers_descriptors_are_not_there(ground: Ground) -> None:
    found = achieved(ground, "descriptors")
    assert set(found) <= {"0", "1", "2", "3"}  # the fourth is the listing's own
    assert found["0"] == "/dev/null"
    assert found["1"] == found["2"]
    assert found["1"].startswith("pipe:")


def test_large_and_unknown_interfaces_of_the_kernel_are_closed(ground: Ground) -> None:
    assert achieved(ground, "use_large_interfaces") == []


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86-64 has a second set of calls")
def test_the_x32_calls_are_closed(ground: Ground) -> None:
    assert achieved(ground, "call_x32") is False


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86-64 understands i386")
def test_a_call_by_another_architectures_numbers_kills(ground: Ground) -> None:
    status, signal, *_ = ground.run(scenarios.ending_of, function="call_i386", arguments={}, limits=SMALL)
    assert (status, signal) == (None, 31)  # SIGSYS


def test_nothing_is_typed_into_a_terminal(ground: Ground) -> None:
    assert achieved(ground, "type_into_terminal") == []


def test_no_socket_leads_elsewhere(ground: Ground) -> None:
    assert achieved(ground, "open_sockets") == []


def test_the_network_cannot_be_changed(walled: Ground) -> None:
    assert achieved(walled, "change_network") == []


def test_nothing_dumps_core(ground: Ground) -> None:
    assert achieved(ground, "leave_core") == [0, 0]


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["private", "shared", "forked", "hidden"])
def test_more_memory_than_the_function_has_ends_it(ground: Ground, how: str) -> None:
    arguments = {"mb": 900, "how": how}
    status, signal, out_of_memory, *_, peak_mb = ground.run(
        scenarios.ending_of, function="take_memory", arguments=arguments, limits=SMALL
    )
    assert (status, signal, out_of_memory) == (None, 9, True)
    if ground.counts:
        assert peak_mb <= SMALL["memory_mb"] + SMALL["tmp_mb"]
    assert peak_mb > SMALL["memory_mb"] // 2


def test_memory_that_is_shared_by_forking_counts_once(ground: Ground) -> None:
    arguments = {"mb": 60, "children": 5}
    status, *_, printed, _ = ground.run(
        scenarios.ending_of, function="share_memory_by_forking", arguments=arguments, limits=SMALL
    )
    assert (status, printed) == (0, '"lived"')


def test_tmp_ends_at_its_size_and_is_not_the_functions_memory(walled: Ground) -> None:
    limits = {**SMALL, "tmp_mb": 300}
    status, *_, out_of_memory, _, printed, peak_mb = walled.run(
        scenarios.ending_of, function="fill_tmp", arguments={"mb": 400}, limits=limits
    )
    assert status == 0
    assert out_of_memory is False
    assert printed in (f"[300, {errno.ENOSPC}]", f"[299, {errno.ENOSPC}]")
    assert peak_mb < SMALL["memory_mb"]


def test_a_file_in_tmp_that_is_mapped_is_not_the_functions_memory(walled: Ground) -> None:
    limits = {**SMALL, "tmp_mb": 300}
    status, *_, printed, _ = walled.run(scenarios.ending_of, function="map_tmp", arguments={"mb": 200}, limits=limits)
    assert (status, printed) == (0, "200")


def test_processes_end_at_their_number(ground: Ground) -> None:
    *_, printed, _ = ground.run(scenarios.ending_of, function="fork_many", arguments={"count": 500}, limits=SMALL)
    if ground.who in WITH_NAMESPACES:
        assert 40 <= int(printed) < SMALL["processes_max"]
    else:
        assert int(printed) < 500


def test_open_files_end_at_their_number(ground: Ground) -> None:
    *_, printed, _ = ground.run(scenarios.ending_of, function="open_many", arguments={"count": 5000}, limits=SMALL)
    assert SMALL["open_files_max"] - 5 <= int(printed) <= SMALL["open_files_max"]


def test_cpu_follows_memory(ground: Ground) -> None:
    if "cpu" not in ground.opened.features["groups"]:
        pytest.skip("nothing limits CPU here, and the tier says so")
    share = 256 / 1769
    small, small_throttled = ground.run(scenarios.cpu_at, memory_mb=256)
    assert small < share * 1.6
    # Beside other work a whole processor may not be there to be had; but then it is not we who keep it back.
    whole, throttled = ground.run(scenarios.cpu_at, memory_mb=1769)
    assert whole < 1.6
    assert throttled * 3 < max(1, small_throttled)


def test_nothing_outlives_its_kill_by_forking_away(ground: Ground) -> None:
    assert ground.run(scenarios.outlive_the_kill) == ["1"]


def test_nothing_outlives_the_end_of_the_runtime_process(ground: Ground) -> None:
    assert ground.run(scenarios.outlive_the_end) == []


def test_standard_output_can_be_opened_again(ground: Ground) -> None:
    if ground.who == FENCED:
        pytest.skip("/dev/stdout is the host's")
    assert achieved_output(ground) == 'again "written"'


def achieved_output(ground: Ground) -> str:
    return str(ground.run(scenarios.ending_of, function="reopen_output", arguments={}, limits=SMALL)[4])
