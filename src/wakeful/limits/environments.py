"""What bounds sandboxes and environments."""

from __future__ import annotations

# --- environments: the launcher and its sandboxes --------------------------------------------------------------------

CELLS_WAITING = 2
"""Pre-started sandboxes of each runtime that somebody has made a function for."""
CELLS_WAITING_FORKED = 8
"""The same where they are forked from one process, and hold little of their own."""
CELL_SIZES_MAX = 2
"""Sizes of memory for which cells of a runtime wait where a cell is fit for one only, as a JVM is; the latest count."""
WAITING_CELLS_MAX = 64
"""Of one runtime; each costs some megabytes."""
RUNTIMES_KNOWN_MAX = 64
"""Kinds of cells that the launcher remembers, when none of them waits; a JVM is of one kind for each size of memory."""

LAUNCHER_LIFE_MIN_S = 1.0
"""A launcher that ends before has failed, rather than been killed."""

LAUNCHER_RESTARTS_MAX = 3
"""After so many failures in a row, no sandbox can be had until the node is started again."""

STARTS_PER_PROCESSOR = 8  # environments that start at a time, and are not long in it
START_YOUNG_S = 2.0
SANDBOX_STARTS_AT_ONCE = 32  # on their way to be ready; further ones wait for them
ATTACK_TIME_MAX_S = 10.0
"""For the attack on one sandbox at the start of the node; it takes a few hundredths of that."""

# --- environments: where functions run -------------------------------------------------------------------------------

RESPONSE_BYTES_MAX = 6_291_556  # a buffered response, and an error; AWS's own number in its message
STREAMED_RESPONSE_BYTES_MAX = 200 * 1024 * 1024  # a streamed response ("Response streaming for Lambda functions")
RUNTIME_HEAD_BYTES_MAX = 1_200_000  # head of one Runtime API request; an X-Ray cause may fill 1 MiB of it
RUNTIME_UNREAD_BYTES_MAX = 65_536  # answers of its Runtime API that a runtime has not read when it asks for the next
RUNTIME_KEPT_BYTES_MAX = 2 * RESPONSE_BYTES_MAX  # of one environment: bodies begun, and events sent and not read
RUNTIME_PIPELINE_MAX = 32  # requests to its Runtime API that a runtime sends without waiting for an answer
RUNTIME_CONNECTIONS_MAX = 64  # connections of one environment to its Runtime API at a time
SHARED_CONNECTIONS_PER_SLOT = 4  # of one that takes several invocations at a time, beside those, for each of them
SHARED_INIT_TIMEOUT_S = 130.0  # its INIT; the function's own timeout where that is longer
SHARED_LATE_MAX = 10_000  # its invocations that have timed out and whose answers are still to come, to be told so
SHARED_PATIENCE_S = 1.0  # how long a caller waits for a worker that is on its way to its next event
INIT_TIMEOUT_S = 10.0  # INIT phase of an on-demand environment before it is retried within the first invocation
SNAP_START_INIT_TIMEOUT_S = 130.0  # INIT ahead of any invocation; the function's own timeout where that is longer
SNAP_START_TMP_MB_MAX = 512  # "Improving startup performance with Lambda SnapStart"
TEMPLATE_TIMEOUT_S = 5.0  # from its last hook to its fork; all it has to do is to close a connection
SNAP_START_PARKED = 2  # environments of a version that wait to be restored; each that is taken is replaced
RESTORE_TIMEOUT_S = 10.0  # what a function may do between being restored and its first event
EXTENSIONS_MAX = 10  # extensions of one function, external and internal together
SHUTDOWN_EXTERNAL_S = 2.0  # SHUTDOWN phase of an environment with external extensions, SIGKILL afterwards
SHUTDOWN_INTERNAL_S = 0.5  # of one with internal extensions only, and what a runtime with any of them has of it
SHUTDOWN_RUNTIME_S = 0.3  # what the runtime has of the SHUTDOWN phase where all extensions are external
LOG_EVENT_BYTES_MAX = 262_144 - 26  # text of one log event; longer lines become several
LOG_TAIL_BYTES = 4096  # what LogType=Tail answers
OUTPUT_READ_BYTES = 8_192  # taken from an environment's output at once, so that a chatty one cannot hold the node
OUTPUT_PAUSE_S = 0.05  # until the output is looked at again that nobody had room for
OUTPUT_DRAIN_BYTES_MAX = 131_072  # read before END; a pipe holds 65,536, so more is a child that never stops
TELEMETRY_BYTES_RANGE = (
    262_144,
    1_048_576,
)  # of a batch ("Configuring memory usage and buffering"); the least is usual
TELEMETRY_ITEMS_RANGE = (1_000, 10_000)  # of a batch; the most is usual
TELEMETRY_TIMEOUT_MS_RANGE = (25, 30_000)  # that the first record of a batch may wait
TELEMETRY_TIMEOUT_MS = 1_000
TELEMETRY_BATCHES_WAITING_MAX = 2  # as much as so many batches waits for a subscriber; what comes besides is dropped
TELEMETRY_WAITING_BYTES_MAX = 4 * 1024 * 1024  # of all subscribers of one environment together
TELEMETRY_HISTORY_BYTES_MAX = 262_144  # of INIT's records that are kept for who subscribes later in INIT
TELEMETRY_RECORD_BYTES = 128  # what a record takes beside its text, in memory and, nearly, in the message
TELEMETRY_ENCODE_BYTES = 65_536  # of records that are encoded before others have their turn
TELEMETRY_ENCODE_ITEMS = 256
TELEMETRY_SEND_BUFFER_BYTES = 262_144  # that the kernel takes for an extension that does not read
TELEMETRY_CONNECT_S = 1.0  # for a connection to a listener in the same machine
TELEMETRY_ANSWER_S = 10.0  # for taking, or answering, a batch
TELEMETRY_ANSWER_BYTES_MAX = 65_536
TELEMETRY_DELIVERY_TRIES_MAX = 5  # at a batch that a listener does not take; a missing listener is waited for
TELEMETRY_RETRY_S_RANGE = (0.02, 1.0)  # between two tries; doubles from one to the next
TELEMETRY_LAST_S = 0.3  # of the SHUTDOWN phase, for what extensions get before they are told of it
MEMORY_READ_INTERVAL_S = 0.02  # how old a reading of the memory peak may be when REPORT prints it
MEMORY_READ_SHARE = 0.03  # of the node's time, at most, goes into reading what environments use
FREEZE_AFTER_S = 0.05  # idle time before an environment is frozen; within it the next invocation finds it running
ENVIRONMENT_IDLE_S = 600.0  # idle time after which an environment is given up
ENVIRONMENT_SWEEP_S = 0.05  # how often the pool looks for environments to freeze or give up
ENVIRONMENTS_MAX = 256  # environments of one node
ENVIRONMENTS_MEMORY_SHARE = 0.8  # of the memory that is available when the node starts, for all environments
ENVIRONMENT_MEMORY_MB_LEAST = 16  # what an environment is counted with before its memory was measured
CONCURRENT_EXECUTIONS_MAX = 1000  # invocations under way at a time in one account and region
SCALING_AT_ONCE_MAX = 1000.0  # by how much a function's concurrency may grow at once
SCALING_PER_S = 100.0  # how much of that comes back in a second
SCALING_FUNCTIONS_KEPT = 4096  # functions whose growth is known; of more, idle ones are forgotten
OVERTAKE_MAX_S = 0.1  # how much longer than others the first waiter of another function may have waited
DEBUG_S = 4 * 3600.0  # INIT and every invocation of a function that is being debugged, in place of its timeout
DEBUG_MEMORY_MB = 256  # what its debugger may hold, besides the function's own memory
DEBUG_REACH_S = 30.0  # how long a client waits for a debugger that does not listen yet
DEBUG_RETRY_S = 0.02  # how often it is looked for meanwhile
DEBUG_CLIENTS_MAX = 16  # connections to one debugger
DEBUG_PIECE_BYTES = 65_536
DEV_TREES_KEPT = 4  # of a function's code that is being worked on; older ones go when nobody runs them any more
DEV_FILES_MAX = 20_000  # changed at once
DEV_BEAT_S = 0.1  # how often it is looked whether whoever works on a function is still there

CREDENTIALS_MARGIN_S = 60.0  # an environment's credentials outlive its last invocation by this
INTERPRETER_PROBE_S = 10.0  # for running an interpreter once to learn its version
SDK_COMPILE_S = 300.0  # for compiling the SDK for one version of Python
INSIDE_S = 60.0  # for a command of ours in a sandbox, such as the one that writes a JVM's archive of classes
INSIDE_MEMORY_MB = 1024
JAVA_COMPILE_S = 120.0  # for compiling our part of the Java runtimes
RUNTIME_DOWNLOAD_S = 60.0  # without a byte, when a runtime's client is got
RUNTIME_DOWNLOAD_BYTES_MAX = 64 * 1024 * 1024  # of one of its files
RUNTIME_ADD_S = 900.0  # for one program that gets an interpreter or an SDK
