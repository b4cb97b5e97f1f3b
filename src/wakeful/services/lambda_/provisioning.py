"""Keeps this node's environments as provisioned concurrency asks for them."""

from __future__ import annotations

import logging

from wakeful.environments.version import Key, Version
from wakeful.fabric.service import Node
from wakeful.services.lambda_ import functions, provisioned, runs
from wakeful.services.lambda_.provisioned import Config
from wakeful.wire.errors import AwsError

log = logging.getLogger(__name__)


async def run(node: Node) -> None:
    """The environments that shall stand ready do; looked at again whenever a function or a configuration changes."""
    with node.wakes.listen(functions.CHANGED) as listener:
        while True:
            wanted: dict[Key, tuple[Version, int]] = {}
            for config in await node.store.read(provisioned.every):
                wanted.update(await shares(node, config))
            node.environments.provision(wanted)
            await listener.wait()


async def shares(node: Node, config: Config) -> dict[Key, tuple[Version, int]]:
    """The versions behind it, each with its part of the environments: an alias may divide them. None while unready."""
    try:
        target = await runs.target(node, config.reference)
    except AwsError as error:
        log.info("nothing is provisioned for %s:%s: %s", config.function, config.qualifier, error)
        return {}
    counts = [round(config.requested * weight) for _, weight in target.versions]
    counts[0] = config.requested - sum(counts[1:])
    return {version.key: (version, count) for (version, _), count in zip(target.versions, counts, strict=True)}
