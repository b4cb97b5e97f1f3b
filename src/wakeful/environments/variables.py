"""The environment variables that a function finds, as "Defined runtime environment variables" of the Lambda guide."""

from __future__ import annotations

from collections.abc import Mapping

from wakeful.environments.version import Credentials, Version

TASK_ROOT = "/var/task"
RUNTIME_DIR = "/var/runtime"
LAYERS_ROOT = "/opt"
RUNTIME_API = "127.0.0.1:9001"

PROCESS_VARIABLES: Mapping[str, str] = {
    "LANG": "en_US.UTF-8",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ),
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "TZ": ":UTC",
}
"""What a process reads when it starts. A waiting cell is started with these, before its function is known."""

UNCHANGEABLE_PREFIXES = ("LD_", "LC_", "LANG", "MALLOC_", "GLIBC_")
"""Read by the loader and the C library once; a function that sets one needs a process of its own."""

LAYERS_VARIABLE = "WAKEFUL_LAYERS_ROOT"
"""For our own runtime clients, which take it away: where layers are, also without a file tree of the sandbox's own."""

DEBUGGER_ROOT = "/var/debugger"
DEBUGGER_VARIABLE = "WAKEFUL_DEBUGGER"
"""For our own runtime clients, which take it away: the port of the debugger, and whether to wait for a client."""

EXEC_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"


def inside(
    version: Version, credentials: Credentials, *, endpoint_url: str, log_stream: str, is_provisioned: bool = False
) -> dict[str, str]:
    """Every variable that the function's process sees: the unreserved defaults, the function's own, the reserved."""
    variables = {
        **PROCESS_VARIABLES,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "AWS_ENDPOINT_URL": endpoint_url,
        **_of_runtime(version.runtime),
        **version.variables,
        "_HANDLER": version.handler,
        "AWS_REGION": version.region,
        "AWS_DEFAULT_REGION": version.region,
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency" if is_provisioned else "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": version.logs_to,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_LAMBDA_RUNTIME_API": RUNTIME_API,
        "LAMBDA_TASK_ROOT": TASK_ROOT,
        "LAMBDA_RUNTIME_DIR": RUNTIME_DIR,
        LAYERS_VARIABLE: LAYERS_ROOT,
    }
    if not version.runtime.startswith("provided"):
        variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{version.runtime}"
    if version.debugger is not None:
        variables[DEBUGGER_VARIABLE] = f"{version.debugger.port}{' wait' if version.debugger.waits else ''}"
        if version.runtime.startswith("python"):
            path = variables.get("PYTHONPATH")
            variables["PYTHONPATH"] = f"{path}:{DEBUGGER_ROOT}" if path else DEBUGGER_ROOT
    if version.log_format == "JSON":
        variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        variables["AWS_LAMBDA_LOG_LEVEL"] = version.application_log_level
    return variables


def needs_own_process(variables: Mapping[str, str], prefixes: tuple[str, ...], late: frozenset[str]) -> bool:
    """Whether a function sets something that a process which already runs cannot take up any more.

    `prefixes` are the runtime's own (PYTHON, NODE_), `late` those of them that it can.
    """
    return any(
        name == EXEC_WRAPPER or (name.startswith((*UNCHANGEABLE_PREFIXES, *prefixes)) and name not in late)
        for name in variables
    )


def _of_runtime(name: str) -> dict[str, str]:
    if name.startswith("python"):
        return {"PYTHONPATH": RUNTIME_DIR}
    if name.startswith("nodejs"):
        major = name.removeprefix("nodejs").partition(".")[0]
        return {
            "NODE_PATH": (
                f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:"
                f"{RUNTIME_DIR}/node_modules:{RUNTIME_DIR}:{TASK_ROOT}"
            )
        }
    if name.startswith("dotnet"):
        return {"DOTNET_ROOT": "/var/lang/bin", "LAMBDA_RUNTIME_NAME": name}
    if name.startswith("ruby"):
        library = f"{name.removeprefix('ruby')}.0"
        gems = f"{TASK_ROOT}/vendor/bundle/ruby/{library}:{LAYERS_ROOT}/ruby/gems/{library}"
        return {
            "GEM_HOME": RUNTIME_DIR,
            "GEM_PATH": f"{gems}:{RUNTIME_DIR}:{RUNTIME_DIR}/ruby/{library}",
            "RUBYLIB": f"{TASK_ROOT}:{RUNTIME_DIR}/lib:{LAYERS_ROOT}/ruby/lib",
        }
    return {}
