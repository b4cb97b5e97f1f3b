"""A function that waits, on managed instances: sixteen invocations at a time in one environment, beside sixteen."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench import systems
from bench.subjects import EVENT, ROLE, Absent, load, make_function, or_told, zipped
from bench.systems import System

SLOTS = 16
SLEEP_S = 0.05
_PYTHON = b"import time\ndef handler(event, context):\n    time.sleep(%r)\n    return event\n" % SLEEP_S
_NODE = b"exports.handler = (event) => new Promise((done) => setTimeout(done, %d, event));\n" % (SLEEP_S * 1000)
_FUNCTIONS = {"python3.13": {"h.py": _PYTHON}, "nodejs22.x": {"h.js": _NODE}}


def shared() -> None:
    """Throughput and memory of a function that sleeps, with sixteen callers."""
    print(f"## Several invocations at a time (a function that sleeps {SLEEP_S * 1000:.0f} ms, {SLOTS} callers)\n")
    print("| runtime | environments | p50 ms | requests/s | of what is possible | memory MB |")
    print("|---|---|---|---|---|---|")
    with or_told(systems.wakeful) as system:
        if system is not None:
            for runtime in _FUNCTIONS:
                for make in (_one_shared, _one_each):
                    try:
                        _row(system, runtime, make)
                    except Absent as absent:
                        print(f"| {runtime} | {absent} |")
    print()


def _row(system: System, runtime: str, make: Callable[[System, str], tuple[str, str]]) -> None:
    before = system.memory_mb()
    name, shown = make(system, runtime)
    request = system.request("lambda", f"/2015-03-31/functions/{name}/invocations", EVENT)
    load(system, request, SLOTS, 1.0)
    found = load(system, request, SLOTS)
    used = system.memory_mb() - before
    share = found["per_s"] / (SLOTS / SLEEP_S)
    print(f"| {runtime} | {shown} | {found['p50_ms']:.1f} | {found['per_s']:.0f} | {share:.2f} | {used:.0f} |")
    system.client("lambda").delete_function(FunctionName=name.partition(":")[0])


def _one_shared(system: System, runtime: str) -> tuple[str, str]:
    functions = system.client("lambda")
    name = f"shared-{runtime.replace('.', '-')}"
    made = functions.create_capacity_provider(
        CapacityProviderName=name,
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        PermissionsConfig={"CapacityProviderOperatorRoleArn": ROLE},
    )
    time.sleep(0.2)
    arn = made["CapacityProvider"]["CapacityProviderArn"]
    config = {"CapacityProviderArn": arn, "PerExecutionEnvironmentMaxConcurrency": SLOTS}
    make_function(
        system,
        name,
        runtime,
        zipped(_FUNCTIONS[runtime]),
        MemorySize=2048,
        CapacityProviderConfig={"LambdaManagedInstancesCapacityProviderConfig": config},
    )
    functions.publish_version(FunctionName=name)
    deadline = time.monotonic() + 60
    while functions.get_function_configuration(FunctionName=name, Qualifier="1")["State"] != "Active":
        if time.monotonic() > deadline:
            raise Absent(f"{name} was not ready after a minute")
        time.sleep(0.05)
    return f"{name}:1", f"1, of {SLOTS} at a time"


def _one_each(system: System, runtime: str) -> tuple[str, str]:
    name = f"each-{runtime.replace('.', '-')}"
    make_function(system, name, runtime, zipped(_FUNCTIONS[runtime]))
    return name, f"{SLOTS}"
