"""Quotas, defaults and retry counts, each with its unit in its name. Services read their limits from here."""

from __future__ import annotations

# --- environments: where functions run ---

RESPONSE_BYTES_MAX = 6_291_556  # a buffered response, and an error; AWS's own number in its message
RUNTIME_HEAD_BYTES_MAX = 1_200_000  # head of one Runtime API request; an X-Ray cause may fill 1 MiB of it
RUNTIME_CONNECTIONS_MAX = 64  # connections of one environment to its Runtime API at a time
INIT_TIMEOUT_S = 10.0  # INIT phase of an on-demand environment before it is retried within the first invocation
LOG_EVENT_BYTES_MAX = 262_144 - 26  # text of one log event; longer lines become several
LOG_TAIL_BYTES = 4096  # what LogType=Tail answers
OUTPUT_READ_BYTES = 65_536  # taken from an environment's output at once, so that a chatty one cannot hold the node
OUTPUT_DRAIN_BYTES_MAX = (
    4 * 1024 * 1024
)  # read before END; a pipe holds 64 KiB, so more is a child that never stops printing
MEMORY_READ_INTERVAL_S = 0.02  # how old a reading of the memory peak may be when REPORT prints it
FREEZE_AFTER_S = 0.05  # idle time before an environment is frozen; within it the next invocation finds it running
ENVIRONMENT_IDLE_S = 600.0  # idle time after which an environment is given up
ENVIRONMENT_SWEEP_S = 0.05  # how often the pool looks for environments to freeze or give up
ENVIRONMENTS_MAX = 256  # environments of one node
ENVIRONMENT_MEMORY_MB_LEAST = 16  # what an environment is counted with before its memory was measured
CONCURRENT_EXECUTIONS_MAX = 1000  # invocations under way at a time in one account and region
OVERTAKE_MAX_S = 0.1  # how much longer than others the first waiter of another function may have waited
CREDENTIALS_MARGIN_S = 60.0  # an environment's credentials outlive its last invocation by this
INTERPRETER_PROBE_S = 10.0  # for running an interpreter once to learn its version
SDK_COMPILE_S = 300.0  # for compiling the SDK for one version of Python
