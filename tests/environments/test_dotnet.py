"""Functions of .NET that are executables: how they are found and started. A program in C stands for a native one."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.clients import builds
from tests.environments.conftest import MakeWorld
from tests.environments.test_runtimes import version
from tests.environments.world import write
from tests.functions import ROLE, call, package, wait_until_active
from tests.running_node import running_node
from wakeful.environments.languages import dotnet
from wakeful.environments.runtimes import InvalidEntrypoint, RuntimeAbsent, Runtimes

INCLUDED = '{"runtimeOptions": {"includedFrameworks": [{"name": "Microsoft.NETCore.App", "version": "8.0.0"}]}}'
SHARED = '{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"}}}'
PROGRAM = "#!/bin/sh\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without any .NET but what a test puts into this folder."""
    monkeypatch.setattr(dotnet, "_PLACES", (str(tmp_path / "host"),))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("DOTNET_ROOT", raising=False)
    return tmp_path / "host"


def install(root: Path, *versions: str) -> None:
    files = {f"shared/Microsoft.NETCore.App/{each}/libcoreclr.so": "" for each in versions}
    write(root, {"dotnet": PROGRAM, **files})


def command(folder: Path, files: dict[str, str], handler: str = "Function", **more: Any) -> dotnet.Command:
    write(folder / "code", files)
    return dotnet.command(version("dotnet8", handler=handler, code=folder / "code", **more), dotnet.find(8))


def test_an_assembly_is_run_by_a_dotnet_of_its_version(tmp_path: Path, host: Path) -> None:
    install(host, "6.0.36", "8.0.9", "8.0.11", "10.0.0-preview.1")
    for handler in ("Function", "Function.dll"):
        found = command(tmp_path, {"Function.dll": "", "Function": PROGRAM}, handler)
        assert found.argv == ("/var/lang/bin/dotnet", "exec", "/var/task/Function.dll")
        assert found.mounts == ((host, "/var/lang/bin"),)
    assert dotnet.find(6) == host
    assert dotnet.find(10) is None


def test_of_several_the_newest_patch_is_taken_and_the_environment_names_one_too(
    tmp_path: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(host, "8.0.9")
    install(tmp_path / "other", "8.0.10")
    monkeypatch.setenv("DOTNET_ROOT", str(tmp_path / "other"))
    assert dotnet.find(8) == tmp_path / "other"


def test_an_assembly_without_a_dotnet_is_refused_with_the_command_that_gets_one(tmp_path: Path, host: Path) -> None:
    files = {"Function.dll": "", "Function": PROGRAM, "Function.runtimeconfig.json": SHARED}
    with pytest.raises(dotnet.Refused) as refused:
        command(tmp_path, files)
    assert str(refused.value) == (
        "The runtime dotnet8 is not available: No .NET 8 was found on this machine to run Function.dll. "
        "Install it, for instance: dotnet-install.sh --channel 8.0 --runtime dotnet"
    )


def test_what_brings_its_own_runtime_needs_no_dotnet(tmp_path: Path, host: Path) -> None:
    files = {"Function.dll": "", "Function": PROGRAM, "Function.runtimeconfig.json": INCLUDED}
    assert command(tmp_path, files).argv == ("/var/task/Function",)
    assert command(tmp_path / "native", {"Function": PROGRAM}).argv == ("/var/task/Function",)
    assert command(tmp_path / "named", {"bootstrap": PROGRAM}).argv == ("/var/task/bootstrap",)
    wrapped = command(tmp_path / "native", {}, variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"})
    assert wrapped.argv == ("/opt/wrapper", "/var/task/Function")


@pytest.mark.parametrize(
    "configuration",
    [" " * (1 << 20) + INCLUDED, "[" * 60_000, "nothing", "[]", '{"runtimeOptions": []}'],
    ids=["large", "deep", "no JSON", "a list", "no options"],
)
def test_a_configuration_that_no_program_wrote_says_nothing(tmp_path: Path, host: Path, configuration: str) -> None:
    with pytest.raises(dotnet.Refused):
        command(
            tmp_path,
            {"Function.dll": "", "Function": PROGRAM, "Function.runtimeconfig.json": configuration},
        )


def test_a_link_out_of_the_package_is_not_read(tmp_path: Path, host: Path) -> None:
    """It may lead to /dev/zero, which has no end, or to /proc/kmsg, where one waits for it."""
    write(tmp_path, {"outside.json": INCLUDED, "code/Function.dll": "", "code/Function": PROGRAM})
    (tmp_path / "code" / "Function.runtimeconfig.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(dotnet.Refused):
        command(tmp_path, {})


@pytest.mark.parametrize("handler", ["Nothing", "../code/Function", "/bin/sh"])
def test_what_is_not_in_the_package_is_not_run(tmp_path: Path, host: Path, handler: str) -> None:
    with pytest.raises(dotnet.NotThere, match="not found"):
        command(tmp_path, {"Function": PROGRAM}, handler)


async def test_a_class_library_is_refused_by_name(tmp_path: Path) -> None:
    library = version("dotnet8", handler="Assembly::Space.Class::Method", code=tmp_path)
    with pytest.raises(RuntimeAbsent, match=r"Assembly::Space\.Class::Method names a method of a class library"):
        await Runtimes(tmp_path).find(library)
    assert "class library" in str(await Runtimes(tmp_path).complaint(library))


async def test_the_host_is_searched_when_a_function_is_prepared_and_at_no_cold_start(
    tmp_path: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    find = dotnet.find

    def counted(major: int) -> Path | None:
        searched.append(major)
        return find(major)

    monkeypatch.setattr(dotnet, "find", counted)
    runtimes = Runtimes(tmp_path / "cache")
    wanted = version("dotnet8", handler="Function", code=tmp_path / "code")
    write(tmp_path / "code", {"Function.dll": ""})
    await runtimes.prepare("dotnet8")
    for _ in range(3):
        with pytest.raises(RuntimeAbsent):
            await runtimes.find(wanted)
    assert searched == [8]
    install(host, "8.0.11")
    await runtimes.prepare("dotnet8")
    assert (await runtimes.find(wanted)).argv[0] == "/var/lang/bin/dotnet"
    assert searched == [8, 8]


async def test_a_program_for_no_machine_fails_as_exec_fails(tmp_path: Path, host: Path) -> None:
    write(tmp_path, {"Function": "no program"})
    (tmp_path / "Function").chmod(0o755)
    with pytest.raises(InvalidEntrypoint, match="fork/exec /var/task/Function: exec format error"):
        await Runtimes(tmp_path / "cache").find(version("dotnet8", handler="Function", code=tmp_path))


def bootstrap() -> bytes:
    with zipfile.ZipFile(io.BytesIO(builds.package(builds.C))) as archive:
        return archive.read("bootstrap")


@pytest.mark.slow
@pytest.mark.parametrize("runtime", list(dotnet.RUNTIMES))
async def test_a_native_executable_answers(make_world: MakeWorld, runtime: str) -> None:
    program = bootstrap()
    async with make_world() as world:
        native = world.version({}, "Function", runtime=runtime)
        (native.code / "Function").write_bytes(program)
        (native.code / "Function").chmod(0o755)
        assert (await world.answer(native, {"a": 1}))["event"] == {"a": 1}
        assert f"INIT_START Runtime Version: dotnet:{dotnet.RUNTIMES[runtime]}.v1" in world.lines[0]


@pytest.mark.slow
def test_a_function_in_a_sandbox_is_its_executable_and_a_class_library_has_failed(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("Function")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap())
    with running_node(tmp_path / "data", isolation="auto", rehearse=False) as node:
        client = node.client("lambda")
        request = {"Runtime": "dotnet8", "Role": ROLE, "Handler": "Function", "Code": {"ZipFile": packed.getvalue()}}
        client.create_function(FunctionName="native", **request)
        wait_until_active(client, "native")
        assert call(client, "native", {"a": 1}).payload["event"] == {"a": 1}
        library = {**request, "Handler": "Function::Space.Class::Method"}
        client.create_function(FunctionName="library", **library)
        node.settle()
        told = client.get_function_configuration(FunctionName="library")
        assert (told["State"], told["StateReasonCode"]) == ("Failed", "InvalidRuntime")
        assert "Function::Space.Class::Method names a method of a class library" in told["StateReason"]
        absent = {**request, "Handler": "Nowhere", "Code": {"ZipFile": package(a="b")}}
        client.create_function(FunctionName="absent", **absent)
        wait_until_active(client, "absent")
        answer = call(client, "absent")
        assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")
        assert json.dumps(answer.payload).count("/var/task/Nowhere.dll") == 1
