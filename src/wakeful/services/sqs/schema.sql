-- Queues and their messages. A message's `seq` is its place in the order of sending.

CREATE TABLE IF NOT EXISTS sqs_queues(
    id          INTEGER PRIMARY KEY,
    arn         TEXT NOT NULL UNIQUE,
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    created     REAL NOT NULL,
    modified    REAL NOT NULL,
    purged      REAL,
    attributes  BLOB NOT NULL,         -- as they were set, byte for byte
    tags        BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS sqs_messages(
    seq            INTEGER PRIMARY KEY,
    queue          INTEGER NOT NULL,
    id             TEXT NOT NULL,
    body           TEXT NOT NULL,
    attributes     BLOB NOT NULL,      -- message attributes as sent
    system         BLOB NOT NULL,      -- system attributes that do not change: SenderId, AWSTraceHeader, …
    sent           REAL NOT NULL,
    visible        REAL NOT NULL,      -- when it may be handed out (again)
    receives       INTEGER NOT NULL DEFAULT 0,
    first_received REAL,
    ticket         TEXT,               -- of the latest receive; a receipt handle holds it
    trace          TEXT NOT NULL,
    cause          TEXT,
    hops           INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS sqs_messages_visible ON sqs_messages(queue, visible, seq);

CREATE TABLE IF NOT EXISTS sqs_moves(
    place       INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    source      TEXT NOT NULL,
    destination TEXT,                  -- NULL: each message goes back to where it came from
    rate        INTEGER,               -- messages a second; NULL: as fast as it goes
    last        INTEGER NOT NULL,      -- the newest message that is moved
    total       INTEGER NOT NULL,      -- how many there were when it began
    moved       INTEGER NOT NULL,
    status      TEXT NOT NULL,
    reason      TEXT,
    started     REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS sqs_moves_source ON sqs_moves(source);
