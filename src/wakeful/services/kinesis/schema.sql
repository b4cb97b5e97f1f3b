-- Data streams. Their shards and records are journals (fabric/journal.py), named by the stream's ARN.

CREATE TABLE IF NOT EXISTS kinesis_streams(
    arn        TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    created    REAL NOT NULL,
    status     TEXT NOT NULL,
    definition BLOB NOT NULL,
    tags       BLOB NOT NULL
) WITHOUT ROWID;
