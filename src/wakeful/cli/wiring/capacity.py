"""Checks of how much of a function may run at a time, on what it runs, and what its logs keep."""

from __future__ import annotations

from collections.abc import Iterator

from wakeful.cli.wiring.findings import Hit, command, counted, listed
from wakeful.cli.wiring.model import Function, SourceMapping, Wiring, short

_POLLERS_AT_FIRST = 5
_MAXIMUM_CONCURRENCY_MIN = 2
_DEPRECATED = frozenset(
    (
        *("python2.7", "python3.6", "python3.7", "python3.8", "python3.9"),
        *("nodejs", "nodejs4.3", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x"),
        *("nodejs18.x", "nodejs20.x", "java8", "go1.x", "provided", "ruby2.5", "ruby2.7"),
        *("dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet5.0", "dotnet6", "dotnet7"),
    )
)
"""By the table of "Lambda runtimes"."""


def _mappings(wiring: Wiring, function: Function) -> list[SourceMapping]:
    return [each for each in wiring.mappings if each.function == function.arn and each.is_enabled]


def none_at_all(wiring: Wiring) -> Iterator[Hit]:
    for function in wiring.functions.values():
        if function.reserved != 0:
            continue
        sources = _mappings(wiring, function)
        queues = [short(each.source) for each in sources if each.source and not each.is_of_stream]
        streams = [short(each.source) for each in sources if each.is_of_stream]
        lost = f" Messages of {listed(queues)} are received and thrown back until they are given up." if queues else ""
        lost += f" Records of {listed(streams)} wait until they are too old." if streams else ""
        yield Hit(
            function.arn,
            f"Its reserved concurrency is 0: every invocation is throttled.{lost}",
            command("lambda delete-function-concurrency", function_name=function.name),
        )


def below_maximum(wiring: Wiring) -> Iterator[Hit]:
    for function in wiring.functions.values():
        asked = sum(each.concurrency_max or 0 for each in _mappings(wiring, function))
        if function.reserved and function.reserved < asked:
            yield Hit(
                function.arn,
                f"Its mappings may run {asked:,} of it at a time and {function.reserved:,} are reserved: what is "
                "beyond is throttled, and every throttled batch counts as a receive.",
                command(
                    "lambda put-function-concurrency",
                    function_name=function.name,
                    reserved_concurrent_executions=asked,
                ),
            )


def below_pollers(wiring: Wiring) -> Iterator[Hit]:
    for function in wiring.functions.values():
        if not function.reserved or function.reserved >= _POLLERS_AT_FIRST:
            continue
        for mapping in _mappings(wiring, function):
            if _begins_with_five(mapping):
                few = max(_MAXIMUM_CONCURRENCY_MIN, function.reserved)
                yield Hit(
                    function.arn,
                    f"{counted(function.reserved, 'execution')} of it {'is' if function.reserved == 1 else 'are'} "
                    f"reserved, and the mapping of {short(mapping.source)} begins with {_POLLERS_AT_FIRST} batches at "
                    "a time: those beyond are throttled, and messages are given up that nobody tried.",
                    command(
                        "lambda update-event-source-mapping",
                        uuid=mapping.uuid,
                        scaling_config={"MaximumConcurrency": few},
                    ),
                )


def _begins_with_five(mapping: SourceMapping) -> bool:
    is_standard = ":sqs:" in mapping.source and not mapping.source.endswith(".fifo")
    return is_standard and mapping.concurrency_max is None and not mapping.has_pollers


def deprecated_runtime(wiring: Wiring) -> Iterator[Hit]:
    for function in wiring.functions.values():
        if function.runtime in _DEPRECATED:
            yield Hit(
                function.arn,
                f"Lambda has deprecated {function.runtime}: no function can be made with it, later none updated.",
                command("lambda update-function-configuration", function_name=function.name, runtime=_next(function)),
            )


def _next(function: Function) -> str:
    languages = {"python": "python3.13", "nodejs": "nodejs22.x", "ruby": "ruby3.4", "java": "java21"}
    languages |= {"dotnet": "dotnet8"}
    found = (to for begins, to in languages.items() if function.runtime.startswith(begins))
    return next(found, "provided.al2023")


def logs_kept_for_ever(wiring: Wiring) -> Iterator[Hit]:
    used = {each.log_group for each in wiring.functions.values()}
    kept = sorted(
        (each for each in wiring.log_groups if each.is_kept_for_ever and each.name in used), key=lambda each: each.name
    )
    if kept:
        yield Hit(
            kept[0].arn,
            f"{counted(len(kept), 'log group')} of functions {'keeps' if len(kept) == 1 else 'keep'} everything for "
            f"ever, and every month more of it is paid for: {listed(each.name for each in kept)}.",
            command("logs put-retention-policy", log_group_name=kept[0].name, retention_in_days=30),
        )
