"""Where Node.js finds modules: the SDK, layers, NODE_PATH for ES modules too; on every version that is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.environments.world import World
from wakeful.config import default_home
from wakeful.environments.runtimes import RuntimeAbsent, Runtimes
from wakeful.environments.version import Sharing

pytestmark = pytest.mark.slow

FILES = {
    "esm.mjs": "import { S3Client } from '@aws-sdk/client-s3'; export const handler = async () => S3Client;",
    "cjs.js": "const { S3Client } = require('@aws-sdk/client-s3'); exports.handler = async () => S3Client;",
    "late.js": "exports.handler = async (name) => { const it = await import(name); return it.default ?? it.which; };",
    "sub.mjs": "import { which } from 'exporting/sub'; export const handler = async () => which;",
    "hidden.mjs": "export const handler = async () => import('exporting/hidden').catch((error) => error.code);",
    "beside.mjs": "import it from 'plain'; export const handler = async () => it;",
    "nothing.mjs": "import it from 'nothing-there'; export const handler = async () => it;",
    "nosdk.mjs": "import it from '@aws-sdk/client-nothing'; export const handler = async () => it;",
    "flags.mjs": "export const handler = async () => process.execArgv;",
    "module.mjs": "export const which = 'module';",
    "requires.js": (
        "exports.handler = async () => { try { return require('./module.mjs').which; } catch (e) { return e.code; } };"
    ),
    "detected.js": "import fs from 'node:fs'; export const handler = async () => 1;",
    "plain/index.js": "module.exports = 'of the package';",
}  # fmt: skip


def sdk(which: str) -> dict[str, str]:
    """An SDK that tells which it is, and how it was asked for."""
    return {
        "@aws-sdk/client-s3/package.json": (
            '{"name": "@aws-sdk/client-s3", "version": "3.0.1",'
            ' "exports": {"import": "./module.mjs", "require": "./common.js"}}'
        ),
        "@aws-sdk/client-s3/module.mjs": f"export const S3Client = '{which}, imported'; export const which = S3Client;",
        "@aws-sdk/client-s3/common.js": f"exports.S3Client = '{which}, required';",
    }


def below(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in files.items()}


class Bench:
    """A world whose Node.js of one version has such an SDK."""

    def __init__(self, world: World, runtime: str) -> None:
        self.world = world
        self.runtime = runtime

    async def answer(self, handler: str, event: Any = None, **settings: Any) -> Any:
        files = {**FILES, **settings.pop("files", {})}
        return await self.world.answer(self.world.version(files, handler, runtime=self.runtime, **settings), event)

    async def error(self, handler: str, **settings: Any) -> Any:
        return await self.world.error(self.world.version(FILES, handler, runtime=self.runtime, **settings))


def open_bench(tmp_path: Path, cache: Path) -> World:
    added = tmp_path / "added"
    (added / "nodejs").mkdir(parents=True)
    for major in ("18", "20", "22", "24"):
        got = default_home() / "runtimes" / "nodejs" / major
        if got.exists():
            (added / "nodejs" / major).symlink_to(got)
    world = World(tmp_path, Runtimes(cache, added))
    for edition in ("18", "20"):
        folder = world.files(sdk("runtime"))
        (added / "nodejs" / f"sdk-{edition}").mkdir()
        folder.rename(added / "nodejs" / f"sdk-{edition}" / "node_modules")
    return world


async def on(world: World, runtime: str) -> Bench:
    try:
        await world.runtimes.cell(runtime)
    except RuntimeAbsent as absent:
        pytest.skip(str(absent))
    return Bench(world, runtime)


VERSIONS = pytest.mark.parametrize("runtime", ["nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"])


@VERSIONS
async def test_the_sdk_can_be_imported_and_required(tmp_path: Path, runtimes_cache: Path, runtime: str) -> None:
    async with open_bench(tmp_path, runtimes_cache) as world:
        bench = await on(world, runtime)
        assert await bench.answer("esm.handler") == "runtime, imported"
        assert await bench.answer("cjs.handler") == "runtime, required"
        assert await bench.answer("late.handler", "@aws-sdk/client-s3") == "runtime, imported"


@VERSIONS
async def test_threads_that_take_several_invocations_find_it_too(
    tmp_path: Path, runtimes_cache: Path, runtime: str
) -> None:
    async with open_bench(tmp_path, runtimes_cache) as world:
        bench = await on(world, runtime)
        sharing = Sharing(slots=2, vcpus=1.0, least=1, most=1)
        for handler, how in (("esm.handler", "imported"), ("cjs.handler", "required")):
            shared = world.version(FILES, handler, runtime=bench.runtime, sharing=sharing, version="1", memory_mb=512)
            assert await world.pool.crews.staff(shared) is None
            assert await world.answer(shared) == f"runtime, {how}"


@VERSIONS
async def test_a_package_or_a_layer_can_bring_another_sdk(tmp_path: Path, runtimes_cache: Path, runtime: str) -> None:
    async with open_bench(tmp_path, runtimes_cache) as world:
        bench = await on(world, runtime)
        major = runtime.removesuffix(".x").removeprefix("nodejs")
        own = below("node_modules", sdk("package"))
        of_layer = world.files(below("nodejs/node_modules", sdk("layer")))
        both = world.files(
            {**below("nodejs/node_modules", sdk("layer")), **below(f"nodejs/node{major}/node_modules", sdk("version"))}
        )
        for handler, how in (("esm.handler", "imported"), ("cjs.handler", "required")):
            assert await bench.answer(handler, layers=of_layer) == f"layer, {how}"
            assert await bench.answer(handler, layers=both) == f"version, {how}"
            assert await bench.answer(handler, layers=both, files=own) == f"package, {how}"


@VERSIONS
async def test_es_modules_are_found_along_node_path_as_their_packages_say(
    tmp_path: Path, runtimes_cache: Path, runtime: str
) -> None:
    async with open_bench(tmp_path, runtimes_cache) as world:
        bench = await on(world, runtime)
        exporting = {
            "package.json": '{"name": "exporting", "exports": {"./sub": "./inner.mjs"}}',
            "inner.mjs": "export const which = 'sub';",
            "hidden.mjs": "export const which = 'hidden';",
        }
        layers = world.files(below("nodejs/node_modules/exporting", exporting))
        assert await bench.answer("sub.handler", layers=layers) == "sub"
        assert await bench.answer("hidden.handler", layers=layers) == "ERR_PACKAGE_PATH_NOT_EXPORTED"
        assert await bench.answer("beside.handler") == "of the package"  # /var/task itself is on NODE_PATH
        error = await bench.error("nothing.handler")
        assert error["errorMessage"].startswith("Cannot find package 'nothing-there' imported from /")
        assert error["errorMessage"].endswith("/nothing.mjs")


@VERSIONS
async def test_who_misses_a_part_of_the_sdk_is_told_where_it_comes_from(
    tmp_path: Path, runtimes_cache: Path, runtime: str
) -> None:
    async with open_bench(tmp_path, runtimes_cache) as world:
        bench = await on(world, runtime)
        await bench.error("nosdk.handler")
        assert "was not added to this runtime. See: wakeful runtimes add --help\n" in world.printed[0]
        world.log.clear()
        await bench.error("nothing.handler")
        assert "wakeful runtimes" not in "".join(world.printed)


@VERSIONS
async def test_what_lambda_switches_off_is_off_until_the_function_asks_for_it(
    tmp_path: Path, runtimes_cache: Path, runtime: str
) -> None:
    async with open_bench(tmp_path, runtimes_cache) as world:
        bench = await on(world, runtime)
        is_off = runtime != "nodejs24.x"
        assert await bench.answer("requires.handler") == ("ERR_REQUIRE_ESM" if is_off else "module")
        if runtime in ("nodejs20.x", "nodejs22.x"):
            options = {"NODE_OPTIONS": "--experimental-require-module --no-warnings"}
            assert await bench.answer("requires.handler", variables=options) == "module"
        if runtime == "nodejs22.x":
            assert (await bench.error("detected.handler"))["errorType"] == "Runtime.UserCodeSyntaxError"
            options = {"NODE_OPTIONS": "--experimental-detect-module"}
            assert "--no-experimental-detect-module" not in await bench.answer("flags.handler", variables=options)


async def test_node_24_streams_without_waiting_for_the_event_loop(tmp_path: Path, runtimes_cache: Path) -> None:
    async with open_bench(tmp_path, runtimes_cache) as world:
        bench = await on(world, "nodejs24.x")
        files = {
            "app.js": (
                "exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {"
                " setTimeout(() => console.log('never'), 60000);"
                " stream.end(Object.keys(context).sort().join(' ')); });"
            )
        }
        outcome = await world.invoke(world.version(files, "app.handler", runtime=bench.runtime))
        assert outcome.error is None
        for removed in ("callbackWaitsForEmptyEventLoop", "done", "fail", "succeed"):
            assert removed not in outcome.payload.decode().split(" ")
