"""`wakeful keys create`: the first access key of an account, made where the state lies, with no node running."""

from __future__ import annotations

import asyncio

import typer

from wakeful.config import Config
from wakeful.node import CannotStart, opened
from wakeful.services.iam.keys import Key, make_root_key


def create(config: Config, account: str) -> Key:
    """The key is kept. Ends the command in one sentence where the state is in use or cannot be opened."""
    try:
        return asyncio.run(_create(config, account))
    except CannotStart as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from refusal


async def _create(config: Config, account: str) -> Key:
    async with opened(config) as store:
        return await store.write(make_root_key, account)
