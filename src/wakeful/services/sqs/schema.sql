-- Queues and their messages. A message's `seq` is its place in the order of sending.

CREATE TABLE IF NOT EXISTS sqs_queues(
    id          INTEGER PRIMARY KEY,   -- to which its messages belong: another one after each purge
    first_id    INTEGER,               -- which it had before it was ever purged; NULL: it was not
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
    seq            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: numbers in a FIFO queue only grow
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
    hops           INTEGER NOT NULL,
    grp            TEXT,               -- the message group, in a FIFO queue
    tenant         TEXT,               -- the message group, in a standard queue
    earlier        INTEGER NOT NULL DEFAULT 0, -- how often it was received in the queues it was in before
    moved          REAL                -- when it came to this dead-letter queue
);
DROP INDEX IF EXISTS sqs_messages_visible; -- an earlier version's
CREATE INDEX IF NOT EXISTS sqs_messages_due ON sqs_messages(queue, visible, seq, receives);
-- For what is too old, and asks for it so: else nobody who wants what is not too old would be given the right index.
CREATE INDEX IF NOT EXISTS sqs_messages_sent ON sqs_messages(queue, (sent + 0));
CREATE INDEX IF NOT EXISTS sqs_messages_group ON sqs_messages(queue, grp, seq) WHERE grp IS NOT NULL;
CREATE INDEX IF NOT EXISTS sqs_messages_in_flight ON sqs_messages(queue, grp, visible)
    WHERE grp IS NOT NULL AND ticket IS NOT NULL;

CREATE TABLE IF NOT EXISTS sqs_groups( -- the groups of FIFO queues that have messages
    queue INTEGER NOT NULL,
    grp   TEXT NOT NULL,
    head  INTEGER NOT NULL,            -- the place of its first message
    ready REAL NOT NULL,               -- when that may be handed out (again)
    PRIMARY KEY (queue, grp)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sqs_groups_ready ON sqs_groups(queue, ready, head);

CREATE TABLE IF NOT EXISTS sqs_deduplications( -- what was sent to FIFO queues in the last five minutes
    queue   INTEGER NOT NULL,
    scope   TEXT NOT NULL,             -- the group, where the queue deduplicates by group
    id      TEXT NOT NULL,
    until   REAL NOT NULL,
    message TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (queue, scope, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sqs_deduplications_until ON sqs_deduplications(until);

CREATE TABLE IF NOT EXISTS sqs_attempts( -- receives that may be asked for again by their ReceiveRequestAttemptId
    queue    INTEGER NOT NULL,
    id       TEXT NOT NULL,
    until    REAL NOT NULL,
    messages BLOB NOT NULL,            -- place and ticket of each
    PRIMARY KEY (queue, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sqs_attempts_until ON sqs_attempts(until);

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

-- --- fair queues, names that are free again, depths ---

CREATE INDEX IF NOT EXISTS sqs_messages_tenant ON sqs_messages(queue, tenant, visible, seq) WHERE tenant IS NOT NULL;

CREATE TABLE IF NOT EXISTS sqs_tenants( -- message groups of standard queues that have messages, or had some lately
    queue  INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    ready  REAL NOT NULL,              -- none of its messages may be handed out before
    sent   REAL NOT NULL,              -- when the last message was sent, to half a minute
    PRIMARY KEY (queue, tenant)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sqs_tenants_ready ON sqs_tenants(queue, ready, tenant);

CREATE TABLE IF NOT EXISTS sqs_fairness( -- what a look at the messages in flight has shown of a queue's tenants
    queue  INTEGER PRIMARY KEY,
    again  REAL NOT NULL,              -- when to look again
    shares BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS sqs_deleted( -- queues that were deleted less than a minute ago
    arn   TEXT PRIMARY KEY,
    until REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sqs_active( -- queues whose depth is told every minute
    queue INTEGER PRIMARY KEY,
    until REAL NOT NULL
);

-- --- counts ---

CREATE TABLE IF NOT EXISTS sqs_counts( -- how many messages are in a queue: the sum of its lanes
    queue    INTEGER NOT NULL,
    lane     INTEGER NOT NULL,         -- of the transaction that counted: who counts at once is in another
    there    INTEGER NOT NULL,
    received INTEGER NOT NULL,         -- how many of them were handed out at least once
    PRIMARY KEY (queue, lane)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sqs_emptied( -- ids of queues that were purged or deleted: what belongs to one is nobody's
    queue INTEGER PRIMARY KEY,
    until REAL NOT NULL                -- how long no queue gets that id
);
