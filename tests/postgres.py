"""Finds a PostgreSQL on this machine and runs a throw-away server of it on a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def find_binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: on PATH, from the distribution's package, or from a wheel."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr/pgsql").glob("*/bin")]
    try:
        import pgserver  # type: ignore[import-not-found]

        folders.append(Path(pgserver.__file__).parent / "pginstall" / "bin")
    except ImportError:
        pass  # one way of several to have it
    return max((folder for folder in folders if (folder / "initdb").exists()), default=None)


@contextmanager
def running(binaries: Path) -> Iterator[str]:
    """The DSN of a server that is gone afterwards. PostgreSQL refuses to run as root, so root lends it another user."""
    folder = Path(tempfile.mkdtemp(prefix="wakeful-postgres-", dir="/tmp"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        user = next(name for name in ("postgres", "nobody") if _exists(name))
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        as_user = ["runuser", "-u", user, "--"]
    data = folder / "data"
    try:
        _run([*as_user, str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "wakeful", "--no-sync"])
        port = _free_port()
        server = subprocess.Popen(
            [
                *as_user,
                str(binaries / "postgres"),
                *("-D", str(data), "-p", str(port), "-k", str(folder), "-h", "127.0.0.1"),
                *("-c", "fsync=off", "-c", "max_connections=200", "-c", "log_min_messages=fatal"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _run([str(binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "20"], tries=200)
            yield f"postgresql://wakeful@127.0.0.1:{port}/postgres"
        finally:
            # runuser passes the signal on; SIGINT is PostgreSQL's fast shutdown
            subprocess.run(
                [*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"],
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str], tries: int = 1) -> None:
    for attempt in range(tries):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if attempt + 1 < tries:
            subprocess.run(["sleep", "0.05"], check=True)
    raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
