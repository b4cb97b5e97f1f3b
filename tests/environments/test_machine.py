"""What this machine has for functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakeful.environments import machine

V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"


def host(folder: Path, **files: str) -> Path:
    (folder / "proc").mkdir()
    (folder / V1).mkdir(parents=True)
    (folder / "proc" / "meminfo").write_text("MemTotal: 99999999 kB\nMemAvailable: 10240000 kB\nSwapFree: 0 kB\n")
    for name, text in files.items():
        place = V2 if name in ("memory_max", "memory_current") else V1
        (folder / place / name.replace("_", ".", 1)).write_text(text)
    return folder


def test_most_of_what_is_available_is_for_functions(tmp_path: Path) -> None:
    assert machine.memory_mb(host(tmp_path)) == 8000


@pytest.mark.parametrize(
    "files",
    [
        {"memory_max": f"{3000 << 20}\n", "memory_current": f"{500 << 20}\n"},
        {"memory_limit_in_bytes": f"{3000 << 20}\n", "memory_usage_in_bytes": f"{500 << 20}\n"},
    ],
)
def test_a_container_has_no_more_than_its_limit_leaves(tmp_path: Path, files: dict[str, str]) -> None:
    assert machine.memory_mb(host(tmp_path, **files)) == 2000


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path: Path) -> None:
    unlimited = {"memory_max": "max\n", "memory_current": "1\n"}
    assert machine.memory_mb(host(tmp_path, **unlimited)) == 8000


def test_this_machine_has_some() -> None:
    assert 0 < machine.memory_mb() < 1 << 24
