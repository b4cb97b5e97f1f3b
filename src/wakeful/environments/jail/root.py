"""The file tree that a sandbox sees: built once for each runtime, copied for each sandbox.

    /usr /bin /lib …     the host's, read-only
    /etc                 our own few files, and the host's certificates and library cache
    /dev                 null, zero, full, random, urandom; no /dev/shm, as on Lambda
    /var/lang …          what the runtime needs, wherever it wants it
    /var/task /opt       empty here; the function's code and layers come on top at its assignment
    /tmp /proc           empty here; each sandbox mounts its own

The tree lives in a small file system in memory, attached to the launcher's *shelf*: one mount on top of the launcher's
own "/", in its private mount namespace. Nothing is hidden by that (a process's root is the mount it started with, not
what lies on top of it), no directory of the host is needed, and it is gone with the launcher. A sandbox gets a copy of
the mounts, which costs one system call; the files below are shared and read-only.
"""

from __future__ import annotations

import os
import stat

from . import linux

TENANT_UID = 993
TENANT_GID = 990
TENANT_NAME = "sbx_user1051"

TASK_ROOT = "/var/task"
LAYERS_ROOT = "/opt"

_DIRECTORIES = ("dev", "etc", "mnt", "opt", "proc", "tmp", "usr", "var", "var/lang", "var/runtime", "var/task")
_TOP_LEVEL = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into /usr, or directories on older hosts
_DEVICES = ("full", "null", "random", "urandom", "zero")
_DEVICE_LINKS = {
    "dev/fd": "/proc/self/fd",
    "dev/stdin": "/proc/self/fd/0",
    "dev/stdout": "/proc/self/fd/1",
    "dev/stderr": "/proc/self/fd/2",
}

# The C library's caches, names of services, certificates, and where Debian keeps the configuration of its runtimes.
_HOST_FILES = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "ld.so.cache",
    "mime.types",
    "pki/ca-trust/extracted",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "protocols",
    "services",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
)
HOST_FILES_BEGIN = ("java-",)

_OWN_FILES = {
    "passwd": f"root:x:0:0:root:/root:/sbin/nologin\n{TENANT_NAME}:x:{TENANT_UID}:{TENANT_GID}::/tmp:/sbin/nologin\n",
    "group": f"root:x:0:\n{TENANT_NAME}:x:{TENANT_GID}:\n",
    "hosts": "127.0.0.1 localhost sandbox.localdomain sandbox\n::1 localhost\n",
    # Nothing answers there: a name fails at once instead of after a time-out.
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
}
_OWN_LINKS = {"etc/localtime": "/usr/share/zoneinfo/UTC", "etc/os-release": "../usr/lib/os-release"}

# A runtime may not mount there: the function's own things come on top, or nothing may.
_RESERVED = (TASK_ROOT, LAYERS_ROOT, "/tmp", "/proc", "/dev", "/etc", "/usr")

READ_ONLY = linux.MOUNT_ATTR_RDONLY | linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NODEV
_DEVICE = linux.MOUNT_ATTR_RDONLY | linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NOEXEC


class Shelf:
    """Where the launcher keeps the trees. Its process must have a mount namespace of its own."""

    def __init__(self) -> None:
        self._mount = linux.new_tmpfs(linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NODEV, size="1m", mode="700")
        linux.attach(self._mount, "/")
        self._count = 0

    def build(self, mounts: list[tuple[str, str]]) -> int:
        """A descriptor of a new tree with the runtime's (host path, path inside) pairs in it, all of it read-only."""
        for _, inside in mounts:
            check_target(inside)
        self._count += 1
        place = str(self._count)
        os.mkdir(place, dir_fd=self._mount)
        tree = linux.new_tmpfs(linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NODEV, size="4m", mode="755")
        linux.attach(tree, place, self._mount)
        _furnish(tree, mounts)
        linux.restrict_mount(tree, linux.MOUNT_ATTR_RDONLY, recursive=False)
        return tree


def check_target(inside: str) -> None:
    """Raises ValueError where a runtime may not have a mount of its own."""
    if not inside.startswith("/") or ".." in inside.split("/") or inside.rstrip("/") == "":
        raise ValueError(f"a runtime's mount needs an absolute path inside: {inside!r}")
    if any(inside == reserved or inside.startswith(reserved + "/") for reserved in _RESERVED):
        raise ValueError(f"a runtime may not mount at {inside}: {', '.join(_RESERVED)} are the sandbox's own")


def _furnish(tree: int, mounts: list[tuple[str, str]]) -> None:
    for directory in _DIRECTORIES:
        os.mkdir(directory, dir_fd=tree)
    _bind(tree, "/usr", "usr", READ_ONLY)
    for name in _TOP_LEVEL:
        host = f"/{name}"
        if os.path.islink(host):
            os.symlink(os.readlink(host), name, dir_fd=tree)
        elif os.path.isdir(host):
            _bind(tree, host, name, READ_ONLY)
    for name in _DEVICES:
        _bind(tree, f"/dev/{name}", f"dev/{name}", _DEVICE)
    for name, target in {**_DEVICE_LINKS, **_OWN_LINKS}.items():
        os.symlink(target, name, dir_fd=tree)
    for name, text in _OWN_FILES.items():
        _write(tree, f"etc/{name}", text)
    configured = [name for name in os.listdir("/etc") if name.startswith(HOST_FILES_BEGIN)]
    for name in [*_HOST_FILES, *configured]:
        if os.path.exists(f"/etc/{name}"):
            _bind(tree, f"/etc/{name}", f"etc/{name}", READ_ONLY)
    for outside, inside in mounts:
        _bind(tree, outside, inside[1:], READ_ONLY)


def _bind(tree: int, source: str, target: str, attributes: int) -> None:
    """What is at `source` on the host is at `target` in the tree, restricted."""
    kind = os.stat(source).st_mode
    steps = target.split("/")
    for length in range(1, len(steps)):
        _make_directory(tree, "/".join(steps[:length]))
    if stat.S_ISDIR(kind):
        _make_directory(tree, target)
    else:
        _write(tree, target, "")
    # Without its links: on the launcher's side of the shelf, ".." out of a top-level directory leads onto the shelf.
    mount = linux.copy_tree(os.path.realpath(source))
    try:
        linux.restrict_mount(mount, attributes)
        linux.attach(mount, target, tree)
    finally:
        os.close(mount)


def _make_directory(tree: int, path: str) -> None:
    try:
        os.mkdir(path, dir_fd=tree)
    except FileExistsError:
        return  # made for a neighbour


def _write(tree: int, path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=tree)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
