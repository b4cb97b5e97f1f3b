"""An attacker in any language, beside a victim, on a host with services; run by the driver.

What the attacker is to try is known here, because only here is known where the victim, the node and the services are.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.environments.site import Site, Started
from tests.security.victim import KEY
from wakeful.environments.jail import processes
from wakeful.environments.sandbox import Limits, Runtime
from wakeful.environments.variables import PROCESS_VARIABLES

VICTIM = Path(__file__).parent / "victim.py"
ELSEWHERE = ("169.254.169.254/80", "192.0.2.200/80", "203.0.113.1/443", "8.8.8.8/53", "2001:db8::1/80", "224.0.0.1/53")
"""Addresses that are nobody's here: of a cloud's metadata, of the net outside, of a group."""

HOST_FILES = ("/etc/shadow", "/proc/kcore", "/proc/1/environ", "/root", "/var/lib/dpkg")
NOT_ITS_OWN = (
    "/var/task/x",
    "/opt/x",
    "/usr/x",
    "/etc/passwd",
    "/var/runtime/x",
    "/x",
    "/proc/sys/kernel/core_pattern",
)


@dataclass(frozen=True)
class Services:
    """Of the host: for everybody who gets that far."""

    words: list[str]
    """As attackers name them."""
    listeners: list[socket.socket] = field(default_factory=list)

    def heard(self) -> list[str]:
        """Who was there."""
        found = []
        for listener in self.listeners:
            listener.setblocking(False)
            try:
                listener.recv(1) if listener.type == socket.SOCK_DGRAM else listener.accept()[0].close()
            except BlockingIOError:
                continue
            found.append(str(listener.getsockname()))
        return found


def addresses_of_the_host() -> list[str]:
    """Those that others would reach it by, and loopback."""
    found = ["127.0.0.1", "::1"]
    for family, elsewhere in ((socket.AF_INET, "192.0.2.200"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asked:
                asked.connect((elsewhere, 9))
                found.append(asked.getsockname()[0])
        except OSError:
            continue  # this host has no such way out
    return found


def open_services(folder: Path, stack: ExitStack) -> Services:
    """TCP and UDP on every address, and UNIX sockets with and without a path."""
    listeners, words = [], []
    for kind, name in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
        listener = stack.enter_context(socket.socket(socket.AF_INET6, kind))
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", 0))
        listeners.append(listener)
        words += [f"{name}/{address}/{listener.getsockname()[1]}" for address in addresses_of_the_host()]
    path, abstract = folder / f"service-{secrets.token_hex(4)}.sock", f"wakeful-{secrets.token_hex(4)}"
    for name in (str(path), f"\0{abstract}"):
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(name)
        listeners.append(listener)
    path.chmod(0o777)
    stack.callback(path.unlink)
    words += [f"unix/{path}", f"abstract/{abstract}"]
    for listener in listeners:
        if listener.type == socket.SOCK_STREAM:
            listener.listen()
    return Services(words, listeners)


@dataclass(frozen=True)
class Victim:
    started: Started
    needle: str
    """Part of every secret of its own, and of one of the node's."""
    code: Path
    layers: Path
    folder: str
    """Where its /tmp is."""

    def ports(self) -> list[int]:
        sandbox = self.started.sandbox
        return [listener.getsockname()[1] for listener in (sandbox.runtime_api, sandbox.endpoint)]

    def heard(self) -> list[str]:
        sandbox = self.started.sandbox
        return Services([], [sandbox.runtime_api, sandbox.endpoint]).heard()


async def start_victim(site: Site) -> Victim:
    needle = f"secret-{secrets.token_hex(8)}"
    code, layers = site.package(VICTIM, **{"secret.txt": needle}), site.package(**{"layer.txt": needle})
    started = await site.start(code, "victim", "live", layers=layers, variables={"SECRET": needle})
    folder = (await started.said(b"\n")).decode().strip()
    private = site.folder / "data" / "secret.txt"
    private.write_text(needle)
    private.chmod(0o600)
    return Victim(started, needle, code, layers, folder)


def attacks_on(site: Site, victim: Victim, services: Services, stranger: int) -> list[str]:
    """One attack a line, with its words."""
    launcher = site.sandboxes.launcher_pid
    assert launcher is not None
    pids = [os.getpid(), launcher, stranger, *processes.descendants(launcher)]
    data, host = site.folder / "data", [*HOST_FILES, str(site.folder / "data" / "ledger.db"), str(site.folder / "data")]
    roots = ["/", data, victim.code, victim.layers, victim.folder, site.folder]
    tried: dict[str, list[Any]] = {
        "descriptors": [],  # first: later ones open their own
        "read": [*host, *(f"/proc/self/root{path}" for path in host)],
        "write": [
            *NOT_ITS_OWN,
            victim.code / "x",
            victim.layers / "x",
            data / "x",
            site.folder / "x",
            "/proc/self/cwd/x",
        ],
        "signal": pids,
        "look": [*pids, 1],
        "search": [victim.needle[::-1], *roots],
        "reach": [*services.words, "name/example.com", "name/localhost.example.org", f"abstract/{victim.needle[::-1]}"],
        "attach": [KEY],
        "sockets": [],
        "calls": [],
        "nowhere": [],
        "serve": [],
    }
    tried["reach"] += [f"{kind}/{where}" for where in ELSEWHERE for kind in ("tcp", "udp")]
    tried["reach"] += [f"tcp/127.0.0.1/{port}" for port in victim.ports()]
    return [" ".join(map(str, (attack, *words))) for attack, words in tried.items()]


async def attack_everything(
    site: Site, files: dict[str, str], argv: list[str], mounts: list[list[str]], prestart: bool, stranger: int
) -> dict[str, Any]:
    """What the attacker said of each attack, and who heard of it; `files` of its package, from where they are."""
    code = site.package()
    for name, source in files.items():
        shutil.copy(source, code / name)
    runtime = Runtime("attacker", tuple(argv), tuple((Path(a), b) for a, b in mounts), prestart, PROCESS_VARIABLES)
    with ExitStack() as stack:
        services = open_services(site.folder, stack)
        victim = await start_victim(site)
        try:
            attacks = attacks_on(site, victim, services, stranger)
            variables = {**PROCESS_VARIABLES, "ATTACKS": "\n".join(attacks), "_HANDLER": handler_of(files)}
            said = await said_by(site, code, runtime, variables)
            own = [] if site.starts_with_its_function else [f"reach tcp/127.0.0.1/{port}" for port in victim.ports()]
            said = [line for line in said if line not in own]
            return {"said": said, "heard": services.heard(), "heard_by_victim": victim.heard()}
        finally:
            await victim.started.discard()


def handler_of(files: dict[str, str]) -> str:
    return "Attacker" if "Attacker.class" in files else "function.handler"


async def said_by(site: Site, code: Path, runtime: Runtime, variables: dict[str, str]) -> list[str]:
    """Every line, of a program that has ended well and said so."""
    # A JVM of this size is no matter of what is tried here.
    started = await site.start(code, runtime=runtime, variables=variables, limits=Limits(memory_mb=512))
    try:
        ended = await started.ended()
        said = started.printed().decode(errors="replace")
        assert ended.status == 0 and said.endswith("done\n"), f"{ended}: {said}"
        return said.splitlines()[:-1]
    finally:
        await started.discard()
