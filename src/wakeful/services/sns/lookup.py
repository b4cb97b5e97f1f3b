"""Where the names of HTTP endpoints lead.

A name whose servers are silent is waited for much longer than the request that asked. In the threads that all share, a
few such names would keep everybody's messages from being signed.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from aiohttp.abc import AbstractResolver, ResolveResult

from wakeful.fabric.service import Node


@dataclass(frozen=True, slots=True)
class Lookup(AbstractResolver):
    """Asks the machine, as connections without it would, but holds up nobody."""

    node: Node

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError where there is no such name."""
        return await self.node.apart(_addresses, host, port, family)

    async def close(self) -> None:
        """Nothing is open."""


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    return [
        ResolveResult(
            hostname=host,
            host=str(where[0]),
            port=int(where[1]),
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, where in socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    ]
