"""What happens around the attacks: sandboxes that are started, watched and ended while functions inside attack.

Run by the driver, which may be a Python without pytest.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from pathlib import Path
from typing import Any

from tests.environments.site import ENDPOINT_PORT, Site, Started, until
from wakeful.environments.sandbox import Limits
from wakeful.environments.sandboxes import LaunchedSandbox

BROTHERS = """
import os, socket, time, attacks

def meet():
    connection = socket.create_connection(("127.0.0.1", 9001))
    needle = os.environ["NEEDLE"][::-1]
    if connection.recv(1) == b"v":
        open("/tmp/secret.txt", "w").write(needle)
        os.environ["SECRET"] = needle
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("\\0brother")
        listener.listen()
        print("here", flush=True)
        time.sleep(60)
    def knock():
        with socket.socket(socket.AF_UNIX) as brother:
            brother.connect("\\0brother")
    return {
        "files": attacks.find_in_files(needle),
        "environments": attacks.read_environments(needle),
        "processes": list(attacks.see_processes()),
        "me": os.getpid(),
        "signalled": attacks.signal_processes([pid for pid in range(2, 300) if pid != os.getpid()]),
        "knocked": attacks.achieved({"abstract": knock}),
    }
"""

ATTACKS = Path(__file__).parent / "attacks.py"


async def attack(site: Site, function: str, arguments: dict[str, Any]) -> Any:
    """What the attack achieved in a sandbox of its own."""
    return await site.call(site.package(ATTACKS), "attacks", function, **arguments)


async def start_only(site: Site, what: str) -> None:
    """From now on, for whatever is started."""
    site.copies = what


async def attack_beside_another(site: Site) -> dict[str, Any]:
    """One function with secrets in its code, its layers and its environment; beside it, one that looks for them."""
    token = "secret-of-another-function"
    layers = site.package(**{"layer.txt": token + "-layer"})
    victim_code = site.package(ATTACKS, **{"secret.txt": token + "-code"})
    victim = await site.start(
        victim_code, "attacks", "hang", {"word": "here"}, layers=layers, variables={"SECRET": token}
    )
    try:
        await victim.said(b"here")
        attacker_code = site.package(ATTACKS)
        return {
            "files": await site.call(attacker_code, "attacks", "find_in_files", needle="-of-another-" + "function"),
            "environments": await site.call(attacker_code, "attacks", "read_environments", needle=token),
            "paths": await site.call(attacker_code, "attacks", "reach_paths", paths=[str(victim_code), str(layers)]),
        }
    finally:
        await victim.discard()


async def attack_another_runtime_api(site: Site) -> list[str]:
    """Two sandboxes; what one says to its Runtime API is heard by the node for that one, and for nobody else."""
    code = site.package(ATTACKS)
    victim = await site.start(code, "attacks", "hang", {"word": "here"})
    attacker = await site.start(code, "attacks", "knock", {"port": 9001, "word": "knock"})
    try:
        heard = await attacker.next_request()
        await attacker.ended()
        victim.sandbox.runtime_api.setblocking(False)
        try:
            victim.sandbox.runtime_api.accept()
        except BlockingIOError:
            return [heard.decode()]
        return [heard.decode(), "the victim's was reached"]
    finally:
        await victim.discard()
        await attacker.discard()


async def attack_another_port(site: Site) -> list[str]:
    code = site.package(ATTACKS)
    victim = await site.start(code, "attacks", "hang", {"word": "here"})
    try:
        listeners = (victim.sandbox.runtime_api, victim.sandbox.endpoint)
        addresses = [["tcp", listener.getsockname()[1]] for listener in listeners]
        gained: list[str] = await site.call(code, "attacks", "reach_addresses", addresses=addresses)
        return gained
    finally:
        await victim.discard()


async def knock_at_endpoint(site: Site) -> str:
    """What the node hears on the endpoint's socket when a function goes where AWS_ENDPOINT_URL leads."""
    code, there = site.package(ATTACKS), {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{ENDPOINT_PORT}"}
    started = await site.start(code, "attacks", "knock_at_endpoint", {"word": "knock"}, variables=there)
    try:
        loop = asyncio.get_running_loop()
        connection, _ = await asyncio.wait_for(loop.sock_accept(started.sandbox.endpoint), 20)
        with connection:
            return (await loop.sock_recv(connection, 100)).decode()
    finally:
        await started.discard()


async def change_a_file_of_the_node(site: Site) -> list[str]:
    """What changed of a file that belongs to the node's user."""
    path = site.folder / "belongs to the node"
    path.write_text("before")
    path.chmod(0o644)
    gained: list[str] = await attack(site, "change_files", {"path": str(path)})
    assert path.read_text() == "before"
    return gained


async def attach_shared_memory(site: Site) -> list[str]:
    """A segment that the node's user has made with the host's own means."""
    libc = ctypes.CDLL(None, use_errno=True)
    segment = libc.shmget(0, 4096, 0o1600)
    assert segment >= 0, os.strerror(ctypes.get_errno())
    try:
        gained: list[str] = await attack(site, "use_host_ipc", {"shared_memory": segment})
        return gained
    finally:
        libc.shmctl(segment, 0, None)


async def attack_a_brother(site: Site) -> dict[str, Any]:
    """Two copies of one template at the same time; one holds a secret, the other looks for it."""
    token = "secret-of-a-brother"
    code = site.package(ATTACKS, **{"brothers.py": BROTHERS})
    started = await site.start_template(code, "brothers", "meet", {"NEEDLE": token[::-1]})
    template = started.sandbox.template
    assert template is not None
    victim = Started(await template.restore())
    try:
        loop = asyncio.get_running_loop()
        connection, _ = await asyncio.wait_for(loop.sock_accept(victim.sandbox.runtime_api), 20)
        await loop.sock_sendall(connection, b"v")
        await victim.said(b"here")
        attacker = Started(await template.restore())
        other, _ = await asyncio.wait_for(loop.sock_accept(attacker.sandbox.runtime_api), 20)
        await loop.sock_sendall(other, b"a")
        await attacker.ended()
        connection.close()
        other.close()
        found: dict[str, Any] = attacker.answer()
        await attacker.discard()
        return found
    finally:
        await victim.discard()
        await started.discard()


async def users_of_two(site: Site) -> list[str]:
    code = site.package(ATTACKS)
    first = await site.start(code, "attacks", "hang", {"word": "here"})
    try:
        await first.said(b"here")
        me = await site.call(code, "attacks", "who_am_i")
    finally:
        await first.discard()
    again = await site.call(code, "attacks", "who_am_i")
    return [me["uid_map"][1], again["uid_map"][1]]


async def ending_of(site: Site, function: str, arguments: dict[str, Any], limits: dict[str, int]) -> list[Any]:
    """How a function ended: status, signal, whether for memory, error; and what it printed."""
    started = await site.start(site.package(ATTACKS), "attacks", function, arguments, limits=Limits(**limits))
    try:
        ended = await started.ended()
        printed = started.printed().decode()
        peak_mb = started.sandbox.usage().memory_peak_bytes >> 20
        return [ended.status, ended.signal, ended.out_of_memory, ended.error, printed, peak_mb]
    finally:
        await started.discard()


async def cpu_at(site: Site, memory_mb: int) -> tuple[float, int]:
    """How much of a processor a function had that wanted all of it; in how many periods it was kept from more."""
    limits = Limits(memory_mb=memory_mb)
    started = await site.start(site.package(ATTACKS), "attacks", "burn", {"seconds": 1.0}, limits=limits)
    try:
        await started.sandbox.limit_cpu()
        assert isinstance(started.sandbox, LaunchedSandbox)
        ended = asyncio.ensure_future(started.ended())
        throttled = 0
        with contextlib.suppress(OSError):  # the group goes with the last process in it
            while not ended.done():
                throttled = started.sandbox._group.places["cpu"].numbers("cpu.stat")["nr_throttled"]
                await asyncio.sleep(0.01)
        await ended
        return float(started.printed()), throttled
    finally:
        await started.discard()


async def outlive_the_kill(site: Site) -> list[str]:
    token = f"outlives-{os.getpid()}-{id(site)}"
    started = await site.start(site.package(ATTACKS), "attacks", "outlive", {"token": token})
    try:
        await started.said(b"ready")
        await until(lambda: _processes_with(token), "the grandchild is there")
        before = _processes_with(token)
        await started.sandbox.kill()
        return [str(len(before)), *_processes_with(token)]
    finally:
        await started.discard()


def _processes_with(token: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if token.encode() in words:
                found.append(entry.name)
    return found


async def outlive_the_end(site: Site) -> list[str]:
    """The runtime process is killed; a grandchild of its own session stays behind."""
    token = f"stays-{os.getpid()}-{id(site)}"
    started = await site.start(site.package(ATTACKS), "attacks", "leave_one_behind", {"token": token})
    try:
        await started.ended()
        await until(lambda: not _processes_with(token), "the rest is gone as well")
        return _processes_with(token)
    finally:
        await started.discard()
