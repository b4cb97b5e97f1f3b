-- Log groups and their streams. The events themselves are telemetry, under the group's ARN.

CREATE TABLE IF NOT EXISTS logs_groups(
    arn            TEXT PRIMARY KEY,   -- without the ":*" that the API shows
    account        TEXT NOT NULL,
    region         TEXT NOT NULL,
    name           TEXT NOT NULL,
    created        REAL NOT NULL,
    retention_days INTEGER,            -- NULL keeps events for ever
    is_protected   INTEGER NOT NULL,   -- from being deleted
    tags           BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS logs_groups_name ON logs_groups(account, region, name);

CREATE TABLE IF NOT EXISTS logs_streams(
    group_arn TEXT NOT NULL,
    name      TEXT NOT NULL,
    created   REAL NOT NULL,
    PRIMARY KEY(group_arn, name)
) WITHOUT ROWID;

-- Which services may put events into the account's groups.
CREATE TABLE IF NOT EXISTS logs_policies(
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    name     TEXT NOT NULL,
    document TEXT NOT NULL,
    updated  REAL NOT NULL,
    PRIMARY KEY(account, region, name)
) WITHOUT ROWID;
