-- Event buses, their rules, and where the rules send what they match.

CREATE TABLE IF NOT EXISTS events_buses(
    arn         TEXT PRIMARY KEY,      -- the default bus is there without a row, until something about it is kept
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    log         BLOB,                  -- LogConfig
    policy      TEXT,
    tags        BLOB NOT NULL,
    created     REAL NOT NULL,
    modified    REAL NOT NULL,
    revision    TEXT NOT NULL          -- of its rules' patterns: another with every change, and none comes twice
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_buses_name ON events_buses(account, region, name);

CREATE TABLE IF NOT EXISTS events_rules(
    arn         TEXT PRIMARY KEY,
    bus         TEXT NOT NULL,         -- its ARN
    name        TEXT NOT NULL,
    pattern     TEXT,                  -- as it was put, byte for byte
    schedule    TEXT,
    state       TEXT NOT NULL,
    description TEXT,
    role        TEXT,
    tags        BLOB NOT NULL,
    started     REAL,                  -- when its schedule began to run; a rate counts from here
    revision    TEXT NOT NULL          -- of its pattern
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS events_rules_name ON events_rules(bus, name);

CREATE TABLE IF NOT EXISTS events_targets(
    rule TEXT NOT NULL,                -- its ARN
    id   TEXT NOT NULL,
    arn  TEXT NOT NULL,
    bus  TEXT NOT NULL,                -- the rule's
    body BLOB NOT NULL,                -- in the names of Target
    PRIMARY KEY(rule, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_targets_arn ON events_targets(bus, arn, rule);
