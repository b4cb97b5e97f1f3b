"""What this host gives is found out by doing, said, and never silently less than was asked for."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from wakeful.environments import tiers
from wakeful.environments.sandboxes import open_sandboxes
from wakeful.environments.tiers import Finding, Isolation, NotConfined

HARD = {"groups": ["cpu", "freeze", "memory", "processes", "time"], "has_users": True}


async def opened(isolation: str, *private: Path) -> Isolation:
    sandboxes = await open_sandboxes(4566, isolation, private)
    try:
        assert sandboxes.isolation is not None
        return sandboxes.isolation
    finally:
        await sandboxes.close()


def best() -> str:
    try:
        return asyncio.run(opened("auto")).tier
    except NotConfined as error:
        pytest.skip(f"NO CONFINEMENT ON THIS HOST: {error}")


def test_auto_takes_the_best_that_holds_and_every_attack_was_stopped(tmp_path: Path) -> None:
    tier = best()
    (tmp_path / "ledger.db").write_text("x")
    found = asyncio.run(opened("auto", tmp_path))
    assert found.tier == tier
    assert len(found.findings) > 20
    assert all(finding.holds for finding in found.findings)
    assert f"read {tmp_path}" in {finding.what for finding in found.findings}
    assert re.match(rf"isolation {tier}: \d+ attacks from inside a sandbox were stopped", found.summary)


def test_what_weakens_a_tier_is_said_in_its_summary() -> None:
    tier = best()
    found = asyncio.run(opened("auto"))
    assert ("is not limited" in found.summary or "is watched" in found.summary) == (tier != "A" and not all_hold(found))


def all_hold(found: Isolation) -> bool:
    return all(finding.holds for finding in found.limits)


def test_no_confinement_is_only_had_by_name_and_says_so() -> None:
    found = asyncio.run(opened("none"))
    assert found.tier == "none"
    assert "run anything as the user of this node" in found.summary


def test_a_tier_by_name_is_the_least_that_will_do() -> None:
    if best() != "A":
        pytest.skip("this host does not give tier A")
    assert asyncio.run(opened("B")).tier == "A"


def test_a_tier_that_cannot_be_had_is_an_error_that_says_what_there_is() -> None:
    if best() == "A":
        pytest.skip("this host gives tier A")
    with pytest.raises(NotConfined, match="this host gives tier"):
        asyncio.run(opened("A"))


def test_a_tier_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="'firecracker'"):
        asyncio.run(opened("firecracker"))


def test_a_path_that_a_function_can_read_is_no_confinement() -> None:
    """The attack finds it, and the tier is not given: /usr is inside every sandbox."""
    with pytest.raises(NotConfined, match="a function can read /usr"):
        asyncio.run(opened("auto", Path("/usr")))


@pytest.mark.parametrize(
    ("missing", "weak"),
    [
        ((), set()),
        (("cpu",), {"CPU"}),
        (("memory",), {"memory", "processes"}),
        (HARD["groups"], {"memory", "processes", "CPU"}),
    ],
)
def test_limits_that_the_kernel_does_not_keep_are_weak(missing: tuple[str, ...], weak: set[str]) -> None:
    features = {**HARD, "groups": [name for name in HARD["groups"] if name not in missing]}  # type: ignore[attr-defined]
    assert {finding.what for finding in tiers._limits(features) if not finding.holds} == weak


def test_a_summary_names_what_got_through() -> None:
    found = Isolation(
        "C", (Finding("mount", True), Finding("read /x", False, "y")), (Finding("CPU", False, "is not limited"),)
    )
    assert found.summary == "isolation C: a function can read /x; CPU is not limited"
    assert str(found.findings[1]) == "weak  read /x: y"


def test_the_interpreter_of_the_attack_is_not_the_virtual_environments() -> None:
    assert Path(tiers.interpreter()).exists()
    assert not Path(tiers.interpreter()).is_symlink()
    for outside, inside in tiers.interpreter_mounts():
        assert str(outside) == inside
        assert os.path.realpath(tiers.interpreter()).startswith(inside)
