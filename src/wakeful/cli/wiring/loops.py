"""Checks of what comes back to where it came from, and of functions that wait for functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wakeful.cli.wiring import rights
from wakeful.cli.wiring.findings import Hit, command, duration
from wakeful.cli.wiring.graph import WAITED_FOR, Edge, edges, loops
from wakeful.cli.wiring.model import Function, Wiring, short

_UNSEEN = (":event-bus/", ":dynamodb:", ":kinesis:")
"""Ways through these are none on which Lambda looks for loops."""


def certain(wiring: Wiring) -> Iterator[Hit]:
    for way in loops([each for each in edges(wiring) if each.is_certain]):
        yield _hit(wiring, way, "What passes here comes back without an end")


def possible(wiring: Wiring) -> Iterator[Hit]:
    found = _meant(wiring, edges(wiring))
    known = {edge.source for way in loops([each for each in found if each.is_certain]) for edge in way}
    for way in loops(found):
        if not known & {edge.source for edge in way}:
            yield _hit(wiring, way, "What passes here may come back without an end")


def _meant(wiring: Wiring, found: Sequence[Edge]) -> list[Edge]:
    """Without what a role permits that is also the role of a function outside every circle: it may be that one's."""
    around = {edge.source.removesuffix(WAITED_FOR) for way in loops(found) for edge in way}
    shared = {each.role for each in wiring.functions.values() if each.arn not in around}

    def is_meant(edge: Edge) -> bool:
        writer = wiring.functions.get(edge.source.removesuffix(WAITED_FOR))
        return edge.is_certain or writer is None or writer.role not in shared

    return list(filter(is_meant, found))


def _hit(wiring: Wiring, way: Sequence[Edge], verdict: str) -> Hit:
    places = [edge.source.removesuffix(WAITED_FOR) for edge in way]
    functions = [place for place in places if place in wiring.functions]
    told = short(places[0])
    for edge in way:
        told += f" {edge.how} {short(edge.target.removesuffix(WAITED_FOR))}, which"
    unguarded = [short(each) for each in functions if wiring.functions[each].allows_loops]
    guard = ""
    if unguarded:
        guard = f" Recursive loop detection is off for {unguarded[0]}."
    elif not functions or any(mark in place for place in places for mark in _UNSEEN):
        guard = " Lambda's recursive loop detection does not see this one."
    remedy = "take one of these connections away"
    if functions:
        name = functions[0].rsplit(":", 1)[-1]
        stop = command("lambda put-function-concurrency", function_name=name, reserved_concurrent_executions=0)
        remedy = f"{remedy}; to stop it at once: {stop}"
    return Hit(min(functions or places), f"{verdict}: {told.removesuffix(', which')}.{guard}", remedy)


def detection_off(wiring: Wiring) -> Iterator[Hit]:
    for function in wiring.functions.values():
        if function.allows_loops:
            yield Hit(
                function.arn,
                "Its RecursiveLoop is Allow: an event that comes back to it is run again and again, and never stopped.",
                command(
                    "lambda put-function-recursion-config", function_name=function.name, recursive_loop="Terminate"
                ),
            )


# --- chains ---------------------------------------------------------------------------------------------------------


def _calls(wiring: Wiring) -> Iterator[tuple[Function, Function]]:
    """Who is meant to invoke whom: the caller's role names the other."""
    for caller in wiring.functions.values():
        if caller.role not in wiring.roles:
            continue
        named = list(rights.named_resources(wiring, caller.role, "lambda:InvokeFunction"))
        for callee in wiring.functions.values():
            if callee.arn != caller.arn and _is_called(wiring, caller, callee, named):
                yield caller, callee


def _is_called(wiring: Wiring, caller: Function, callee: Function, named: Sequence[str]) -> bool:
    return any(
        rights.names(named, arn) and rights.role_may(wiring, caller.role, "lambda:InvokeFunction", arn)
        for arn in (callee.arn, f"{callee.arn}:any")
    )


def chains(wiring: Wiring) -> Iterator[Hit]:
    for caller, callee in _calls(wiring):
        if caller.timeout_s >= callee.timeout_s:
            yield Hit(
                caller.arn,
                f"Its role names {short(callee.arn)} as what it may invoke. While it waits for the answer, both are "
                f"paid for, up to {duration(callee.timeout_s)} for each call.",
                "invoke it with --invocation-type Event, or pass the work on through a queue",
            )


def impatient(wiring: Wiring) -> Iterator[Hit]:
    for caller, callee in _calls(wiring):
        if caller.timeout_s < callee.timeout_s:
            yield Hit(
                caller.arn,
                f"It may run for {duration(caller.timeout_s)} and may invoke {short(callee.arn)}, which may take "
                f"{duration(callee.timeout_s)}: where it waits, it is ended first, the other goes on and is paid for, "
                "and nobody has its answer.",
                command(
                    "lambda update-function-configuration",
                    function_name=caller.name,
                    timeout=min(900, callee.timeout_s + 10),
                ),
            )
