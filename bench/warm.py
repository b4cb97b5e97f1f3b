"""A warm synchronous Invoke, beside peers and a bare echo."""

from __future__ import annotations

from bench import systems
from bench.subjects import EVENT, invoke_request, load, or_told
from bench.systems import System

CONNECTIONS = (1, 16, 64)


def warm() -> None:
    """A warm synchronous Invoke, signed, at 1, 16 and 64 connections."""
    print("## Warm invoke (a function that returns its event; signed requests)\n")
    print("| system | connections | p50 ms | p99 ms | requests/s | of the floor |")
    print("|---|---|---|---|---|---|")
    floor: dict[int, float] = {}
    for start, prepare in (
        (systems.echo, _echo_request),
        (systems.wakeful, invoke_request),
        (systems.ministack, invoke_request),
        (systems.functions_framework, _echo_request),
    ):
        with or_told(start) as system:
            if system is None:
                continue
            request = prepare(system)
            for connections in CONNECTIONS:
                load(system, request, connections, 1.0)
                found = load(system, request, connections)
                floor.setdefault(connections, found["per_s"])
                share = found["per_s"] / floor[connections]
                print(
                    f"| {system.name} | {connections} | {found['p50_ms']:.3f} | {found['p99_ms']:.3f} |"
                    f" {found['per_s']:.0f} | {share:.3f} |"
                )
    print()


def _echo_request(system: System) -> bytes:
    return system.request("lambda", "/", EVENT, {"Content-Type": "application/json"})
