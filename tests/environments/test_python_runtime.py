"""Lambda's Python runtime, through real processes."""

from __future__ import annotations

from tests.environments.conftest import MakeWorld


async def test_a_handler_answers_what_it_returns(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version({"app.py": "def handler(event, context):\n    return {'got': event}"})
        assert await world.answer(version, {"a": 1}) == {"got": {"a": 1}}
