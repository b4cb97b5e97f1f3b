-- Functions, their versions and aliases, who may invoke them, and what they draw from.

CREATE TABLE IF NOT EXISTS lambda_functions(
    arn          TEXT PRIMARY KEY,
    account      TEXT NOT NULL,
    region       TEXT NOT NULL,
    name         TEXT NOT NULL,
    next_version INTEGER NOT NULL DEFAULT 1,
    reserved     INTEGER,                -- reserved concurrency
    tags         BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_versions(
    function      TEXT NOT NULL,        -- the ARN without qualifier
    version       TEXT NOT NULL,        -- $LATEST, 1, 2, …
    number        INTEGER NOT NULL,     -- 0 is $LATEST
    revision      TEXT NOT NULL,
    config        BLOB NOT NULL,        -- what was configured, in the names of FunctionConfiguration
    code          TEXT NOT NULL,        -- the package's blob
    code_sha256   TEXT NOT NULL,
    code_bytes    INTEGER NOT NULL,
    unzipped_bytes INTEGER NOT NULL,
    layers        BLOB NOT NULL,        -- the blobs of its layers, in their order
    layers_bytes  INTEGER NOT NULL,
    modified      REAL NOT NULL,
    state         TEXT NOT NULL,
    state_code    TEXT,
    state_reason  TEXT,
    update_status TEXT NOT NULL,
    update_code   TEXT,
    update_reason TEXT,
    serving       BLOB,                 -- config and code that invocations get; an update replaces it when it is ready
    PRIMARY KEY(function, version)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_layers(
    arn          TEXT PRIMARY KEY,
    account      TEXT NOT NULL,
    region       TEXT NOT NULL,
    name         TEXT NOT NULL,
    next_version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_layer_versions(
    layer          TEXT NOT NULL,
    version        INTEGER NOT NULL,
    config         BLOB NOT NULL,       -- in the names of GetLayerVersionResponse
    code           TEXT NOT NULL,
    code_sha256    TEXT NOT NULL,
    code_bytes     INTEGER NOT NULL,
    unzipped_bytes INTEGER NOT NULL,
    created        REAL NOT NULL,
    PRIMARY KEY(layer, version)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_layer_permissions(
    layer     TEXT NOT NULL,
    version   INTEGER NOT NULL,
    sid       TEXT NOT NULL,
    place     INTEGER NOT NULL,
    statement TEXT NOT NULL,
    PRIMARY KEY(layer, version, sid)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_aliases(
    function    TEXT NOT NULL,
    name        TEXT NOT NULL,
    version     TEXT NOT NULL,
    description TEXT NOT NULL,
    routing     BLOB NOT NULL,          -- {version: weight}
    revision    TEXT NOT NULL,
    PRIMARY KEY(function, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_provisioned(
    function  TEXT NOT NULL,
    qualifier TEXT NOT NULL,            -- a version's number or an alias
    requested INTEGER NOT NULL,
    modified  REAL NOT NULL,
    PRIMARY KEY(function, qualifier)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_snapshots(
    function  TEXT NOT NULL,
    version   TEXT NOT NULL,            -- a version with SnapStart whose INIT has succeeded once
    PRIMARY KEY(function, version)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_standing(
    id        INTEGER PRIMARY KEY,
    function  TEXT NOT NULL,
    qualifier TEXT NOT NULL,            -- what the provisioned concurrency is for, or the version with a snapshot
    version   TEXT NOT NULL,
    meter     TEXT NOT NULL,
    memory_mb INTEGER NOT NULL,         -- of all its environments together
    tags      TEXT NOT NULL,            -- the function's, as JSON sorted by name
    period_ms INTEGER NOT NULL,         -- when it began to be paid for, whatever has changed since
    began_ms  INTEGER NOT NULL,
    ended_ms  INTEGER                   -- until then it was so; later than the change, where a least is paid for
);
CREATE INDEX IF NOT EXISTS lambda_standing_function ON lambda_standing(function);

CREATE TABLE IF NOT EXISTS lambda_permissions(
    function  TEXT NOT NULL,
    qualifier TEXT NOT NULL,            -- '' speaks of the function itself
    sid       TEXT NOT NULL,            -- in a policy that was put as a whole, # and its place
    place     INTEGER NOT NULL,
    statement TEXT NOT NULL,
    PRIMARY KEY(function, qualifier, sid)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_event_configs(
    function   TEXT NOT NULL,
    qualifier  TEXT NOT NULL,           -- $LATEST, a version's number or an alias
    retries    INTEGER,                 -- NULL: as many as Lambda makes where nobody said
    age_s      INTEGER,                 -- NULL: as old as Lambda lets events become
    on_success TEXT NOT NULL,           -- an ARN; '' where records go nowhere
    on_failure TEXT NOT NULL,
    modified   REAL NOT NULL,
    PRIMARY KEY(function, qualifier)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_urls(
    id        TEXT PRIMARY KEY,         -- the first label of its host
    function  TEXT NOT NULL,
    qualifier TEXT NOT NULL,            -- an alias; '' is $LATEST
    config    BLOB NOT NULL,            -- in the names of FunctionUrlConfig
    created   REAL NOT NULL,
    modified  REAL NOT NULL,
    UNIQUE(function, qualifier)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_mappings(
    uuid     TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    function TEXT NOT NULL,             -- the ARN as it was asked for, with its qualifier
    source   TEXT NOT NULL,
    config   BLOB NOT NULL,             -- in the names of EventSourceMappingConfiguration
    state    TEXT NOT NULL,
    result   TEXT NOT NULL,
    modified REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lambda_mappings_function ON lambda_mappings(function);

CREATE TABLE IF NOT EXISTS lambda_trials(
    id       TEXT PRIMARY KEY,          -- of code of a function that is only tried on past events
    function TEXT NOT NULL,
    account  TEXT NOT NULL,
    code     TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_mapping_tags(
    arn  TEXT PRIMARY KEY,              -- the mapping's own
    tags BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_capacity_providers(
    arn      TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    config   BLOB NOT NULL,             -- in the names of CapacityProvider
    state    TEXT NOT NULL,
    modified REAL NOT NULL,
    tags     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_capacity_uses(
    function TEXT NOT NULL,
    version  TEXT NOT NULL,             -- a published one, or $LATEST.PUBLISHED
    provider TEXT NOT NULL,
    least    INTEGER,                   -- environments, as PutFunctionScalingConfig asked for them
    most     INTEGER,
    PRIMARY KEY(function, version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lambda_capacity_uses_provider ON lambda_capacity_uses(provider);

CREATE TABLE IF NOT EXISTS lambda_recursion(
    function TEXT PRIMARY KEY,
    mode     TEXT NOT NULL              -- Allow or Terminate
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_runtime_management(
    function TEXT NOT NULL,
    version  TEXT NOT NULL,             -- $LATEST, 1, 2, …
    mode     TEXT NOT NULL,             -- Auto, FunctionUpdate or Manual
    runtime  TEXT,                      -- of Manual: the ARN of the runtime's version
    PRIMARY KEY(function, version)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_policies(
    function  TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    envelope  BLOB NOT NULL,            -- what a policy that was put as a whole has beside its statements
    PRIMARY KEY(function, qualifier)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_code_signing_configs(
    arn      TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    config   BLOB NOT NULL,             -- in the names of CodeSigningConfig
    modified REAL NOT NULL,
    tags     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lambda_code_signing_uses(
    function TEXT PRIMARY KEY,
    config   TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lambda_code_signing_uses_config ON lambda_code_signing_uses(config, function);
CREATE TABLE IF NOT EXISTS lambda_durable_executions(
    arn              TEXT PRIMARY KEY,
    function         TEXT NOT NULL,     -- the ARN without qualifier
    version          TEXT NOT NULL,     -- the one that runs, from the first invocation to the last
    asked            TEXT NOT NULL DEFAULT '', -- the version or alias that was invoked, whose destinations hear of it
    name             TEXT NOT NULL,
    kind             TEXT NOT NULL,     -- RequestResponse, Event or Chained
    started          REAL NOT NULL,
    input            TEXT,
    config           BLOB NOT NULL,     -- DurableConfig as it was at the start
    trace            BLOB NOT NULL,
    tenant           TEXT,
    client           TEXT,              -- the caller's ClientContext
    role             TEXT NOT NULL,     -- on whose behalf letters about it are sent
    parent           TEXT,              -- the execution whose chained invoke this is, and which of its operations
    parent_operation TEXT,
    status           TEXT NOT NULL,
    ended            REAL,
    deadline         REAL NOT NULL,     -- of the whole execution
    result           TEXT,
    error            BLOB,
    invocation       TEXT NOT NULL,     -- the one whose checkpoints are taken; '' is none
    invoked          REAL,              -- when that began
    token            INTEGER NOT NULL,  -- which checkpoint of it comes next
    changes          INTEGER NOT NULL,  -- changes to operations so far
    seen             INTEGER NOT NULL,  -- those that the function has been told of
    failures         INTEGER NOT NULL,  -- invocations in a row
    operations       INTEGER NOT NULL,
    events           INTEGER NOT NULL,
    written          INTEGER NOT NULL,  -- bytes, by checkpoints so far
    checkpoint       BLOB,              -- the last one's client token, and what had been seen before it
    pause            BLOB,
    log_tail         BLOB,              -- of the last invocation, where somebody waits for it
    UNIQUE(function, name)
);
CREATE INDEX IF NOT EXISTS lambda_durable_executions_started ON lambda_durable_executions(function, started, arn);

CREATE TABLE IF NOT EXISTS lambda_durable_operations(
    execution TEXT NOT NULL,
    id        TEXT NOT NULL,
    number    INTEGER NOT NULL,
    parent    TEXT,
    type      TEXT NOT NULL,
    status    TEXT NOT NULL,
    changed   INTEGER NOT NULL,
    replays   INTEGER NOT NULL,         -- whether its children are shown although it is over
    pending   INTEGER NOT NULL,         -- whether the execution may wait for it
    due       REAL,
    body      BLOB NOT NULL,
    PRIMARY KEY(execution, id)
);
CREATE INDEX IF NOT EXISTS lambda_durable_operations_number ON lambda_durable_operations(execution, number);
CREATE INDEX IF NOT EXISTS lambda_durable_operations_changed ON lambda_durable_operations(execution, changed);
CREATE INDEX IF NOT EXISTS lambda_durable_operations_due ON lambda_durable_operations(execution, due)
    WHERE due IS NOT NULL;

CREATE TABLE IF NOT EXISTS lambda_durable_events(
    execution TEXT NOT NULL,
    number    INTEGER NOT NULL,
    body      BLOB NOT NULL,            -- in the names of the API's Event
    PRIMARY KEY(execution, number)
);

CREATE TABLE IF NOT EXISTS lambda_durable_running(
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    running INTEGER NOT NULL,
    PRIMARY KEY(account, region)
) WITHOUT ROWID;

-- Mappings on streams: how far each lane of each shard has come.

CREATE TABLE IF NOT EXISTS lambda_lanes(
    mapping  TEXT NOT NULL,
    shard    TEXT NOT NULL,             -- its name
    lane     INTEGER NOT NULL,
    lanes    INTEGER NOT NULL,          -- of how many: entries belong to one by the hash of their key
    position INTEGER NOT NULL,          -- all of the lane up to this number of the journal is done with
    due      REAL NOT NULL,             -- not to be tried before
    rest     BLOB,                      -- what failed and comes again, and the window that is open; NULL is neither
    PRIMARY KEY(mapping, shard, lane)
) WITHOUT ROWID;
