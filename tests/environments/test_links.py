"""Links of packages: followed as they lead inside, and never to a file of the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.environments.test_runtimes import version
from wakeful.environments import links
from wakeful.environments.runtimes import InvalidEntrypoint, Runtimes


@pytest.fixture
def roots(tmp_path: Path) -> dict[str, Path]:
    folders = {"/var/task": tmp_path / "code", "/opt": tmp_path / "layers"}
    for folder in folders.values():
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "secret").write_text("of the host")
    return folders


@pytest.mark.parametrize(
    ("points_to", "leads_to"),
    [
        ("bin/run", "code/bin/run"),
        ("./bin/../bin/run", "code/bin/run"),
        ("/var/task/bin/run", "code/bin/run"),
        ("/opt/bin/run", "layers/bin/run"),
        ("../../opt/bin/run", "layers/bin/run"),
        ("bin/nothing", "code/bin/nothing"),
        ("../secret", None),
        ("/etc/passwd", None),
        ("../../../../../../../etc/passwd", None),
        ("bootstrap", None),
    ],
)
def test_a_link_leads_where_it_leads_inside(
    roots: dict[str, Path], tmp_path: Path, points_to: str, leads_to: str | None
) -> None:
    (roots["/var/task"] / "bootstrap").symlink_to(points_to)
    assert links.follow("/var/task/bootstrap", roots) == (None if leads_to is None else tmp_path / leads_to)


def test_a_folder_that_is_a_link_is_followed_no_further_out(roots: dict[str, Path], tmp_path: Path) -> None:
    (roots["/var/task"] / "out").symlink_to(tmp_path)
    (roots["/var/task"] / "in").symlink_to("/opt/bin")
    assert links.follow("/var/task/out/secret", roots) is None
    assert links.follow("/var/task/in/run", roots) == tmp_path / "layers/bin/run"


@given(st.lists(st.sampled_from(["..", ".", "bin", "run", "a", "/opt", "/var/task", "/"]), max_size=12).map("/".join))
def test_whatever_a_link_says_nothing_but_the_packages_is_found(
    tmp_path_factory: pytest.TempPathFactory, points_to: str
) -> None:
    place = tmp_path_factory.mktemp("packages")
    roots = {"/var/task": place / "code", "/opt": place / "layers"}
    roots["/var/task"].mkdir()
    (roots["/var/task"] / "a").symlink_to(points_to or ".")
    found = links.follow("/var/task/a", roots)
    assert found is None or any(found.is_relative_to(folder) for folder in roots.values())
    assert found is None or ".." not in found.parts


async def test_a_bootstrap_that_leads_out_of_the_package_is_not_looked_at(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (tmp_path / "program").write_text("neither a script nor a program, and nobody may execute it")
    (code / "bootstrap").symlink_to(tmp_path / "program")
    runtime = await Runtimes(tmp_path / "cache").find(version("provided.al2023", code=code))
    assert runtime.argv == ("/var/task/bootstrap",)  # what it is, exec finds out inside


async def test_a_bootstrap_may_be_a_link_into_a_layer(tmp_path: Path) -> None:
    code, layers = tmp_path / "code", tmp_path / "layers"
    for folder in (code, layers):
        folder.mkdir()
    (code / "bootstrap").symlink_to("/opt/run")
    wanted = version("provided.al2023", code=code, layers=layers)
    with pytest.raises(InvalidEntrypoint, match="Couldn't find valid bootstrap"):
        await Runtimes(tmp_path / "cache").find(wanted)
    (layers / "run").write_text("#!/bin/sh\n")
    with pytest.raises(InvalidEntrypoint, match="permission denied"):
        await Runtimes(tmp_path / "cache").find(wanted)
    (layers / "run").chmod(0o755)
    assert (await Runtimes(tmp_path / "cache").find(wanted)).argv == ("/var/task/bootstrap",)
