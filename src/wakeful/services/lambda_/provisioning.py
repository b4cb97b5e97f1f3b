"""Keeps this node's environments as provisioned concurrency, SnapStart and managed instances ask for them."""

from __future__ import annotations

import logging

from wakeful import limits
from wakeful.environments.version import Key, Version
from wakeful.fabric.service import Node
from wakeful.services.lambda_ import functions, provisioned, runs, scaling, snapshots
from wakeful.services.lambda_.provisioned import Config
from wakeful.services.lambda_.references import of_arn
from wakeful.wire.errors import AwsError

log = logging.getLogger(__name__)


async def run(node: Node) -> None:
    """The environments that shall stand ready do; looked at again whenever a function or a configuration changes."""
    with node.wakes.listen(functions.CHANGED) as listener:
        while True:
            wanted: dict[Key, tuple[Version, int]] = {}
            for config in await node.store.read(provisioned.every):
                wanted.update(await shares(node, config))
            for arn in await node.store.read(snapshots.in_use):
                wanted.update(await _parked(node, arn))
            node.environments.provision(wanted)
            shared = [await _shared(node, arn) for arn in await node.store.read(scaling.in_use)]
            node.environments.crews.keep([version for version in shared if version is not None])
            await listener.wait()


async def _shared(node: Node, arn: str) -> Version | None:
    try:
        return (await runs.target(node, of_arn(arn))).pick()
    except AwsError as error:
        log.info("no environments are kept for %s: %s", arn, error)
        return None


async def _parked(node: Node, arn: str) -> dict[Key, tuple[Version, int]]:
    """A version with SnapStart keeps environments that have been initialised ahead."""
    try:
        version = (await runs.target(node, of_arn(arn))).pick()
    except AwsError as error:
        log.info("nothing is initialised ahead for %s: %s", arn, error)
        return {}
    return {version.key: (version, limits.SNAP_START_PARKED)} if version.is_snap_start else {}


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
