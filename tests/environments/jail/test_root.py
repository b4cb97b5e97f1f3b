"""Where a runtime may put what it needs. The tree itself is tested from inside, in tests/security."""

from __future__ import annotations

import pytest

from wakeful.environments.jail import root


@pytest.mark.parametrize(
    "inside", ["/var/lang", "/var/runtime", "/root/.pyenv/versions/3.12.0", "/nix/store", "/options"]
)
def test_a_runtime_may_mount_at(inside: str) -> None:
    root.check_target(inside)


@pytest.mark.parametrize(
    "inside",
    ["", "/", "var/lang", "/var/../etc", "/tmp", "/tmp/x", "/opt/python", "/var/task", "/proc/1", "/dev", "/usr"],
)
def test_a_runtime_may_not_mount_at(inside: str) -> None:
    with pytest.raises(ValueError, match="mount"):
        root.check_target(inside)
