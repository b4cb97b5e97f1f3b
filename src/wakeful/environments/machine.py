"""What this machine has for functions: as much memory as can be taken from it without anybody else going short."""

from __future__ import annotations

from pathlib import Path

from wakeful import limits

_OWN_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Where a container sees its limit, and what it uses of it; version 2, version 1."""


def memory_mb(root: Path = Path("/")) -> int:
    """What all environments together may hold: most of what is available now, to this machine and to this container."""
    available = [_available_kb(root / "proc/meminfo") << 10]
    for names in _OWN_GROUPS:
        limit, used = (_number(root / name.lstrip("/")) for name in names)
        if limit is not None and used is not None:
            available.append(max(0, limit - used))
    return int(min(available) * limits.ENVIRONMENTS_MEMORY_SHARE) >> 20


def _available_kb(meminfo: Path) -> int:
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1])
    raise ValueError(f"{meminfo} does not say how much memory is available")


def _number(path: Path) -> int | None:
    """None where there is no such file, or no limit in it."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
