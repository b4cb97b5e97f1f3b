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

CREATE TABLE IF NOT EXISTS lambda_permissions(
    function  TEXT NOT NULL,
    qualifier TEXT NOT NULL,            -- '' speaks of the function itself
    sid       TEXT NOT NULL,
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
