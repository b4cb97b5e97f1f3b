-- Data streams. Their shards and records are journals (fabric/journal.py).

CREATE TABLE IF NOT EXISTS kinesis_streams(
    arn        TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    created    REAL NOT NULL,
    journal    TEXT NOT NULL UNIQUE, -- another one for each stream that ever had the name
    revision   TEXT NOT NULL,        -- of its shards: another with every change, and none comes twice
    definition BLOB NOT NULL,        -- JSON: see stream.py
    tags       BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kinesis_streams_name ON kinesis_streams(account, region, name);

CREATE TABLE IF NOT EXISTS kinesis_consumers(
    arn     TEXT PRIMARY KEY,
    stream  TEXT NOT NULL,           -- its ARN
    name    TEXT NOT NULL,
    created REAL NOT NULL,
    tags    BLOB NOT NULL,
    UNIQUE (stream, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS kinesis_subscriptions(
    consumer TEXT NOT NULL,          -- its ARN
    shard    TEXT NOT NULL,
    token    TEXT NOT NULL,          -- of who has it: whoever takes it over has another
    since    REAL NOT NULL,
    PRIMARY KEY (consumer, shard)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS kinesis_policies(
    arn    TEXT PRIMARY KEY,         -- of a stream or a consumer
    policy TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS kinesis_accounts(
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    commitment BLOB NOT NULL,        -- to a minimum of throughput: JSON, by AWS's names
    PRIMARY KEY (account, region)
) WITHOUT ROWID;
