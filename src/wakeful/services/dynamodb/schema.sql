-- Tables of DynamoDB. A table and each of its secondary indexes is a space: rows of items under order-preserving keys.

CREATE TABLE IF NOT EXISTS dynamodb_tables(
    arn        TEXT PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,     -- TableId
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    created    REAL NOT NULL,
    status     TEXT NOT NULL,            -- CREATING, ACTIVE, UPDATING, DELETING, …
    space      INTEGER NOT NULL UNIQUE,  -- where its items are
    definition BLOB NOT NULL,            -- as CreateTable and UpdateTable set it, by AWS's names; its indexes with their spaces
    tags       BLOB NOT NULL,
    history    INTEGER NOT NULL DEFAULT 0 -- how many need to know what items were before: recovery, backups under way
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS dynamodb_spaces(
    id    INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
    owner TEXT NOT NULL,                     -- the TableId
    name  TEXT NOT NULL,                     -- of the index; '' for the table's own
    gone  REAL,                              -- since when it is nobody's: what it holds is deleted little by little
    readers INTEGER NOT NULL DEFAULT 0       -- copies, and backups of deleted tables, for which it stays all the same
);
CREATE INDEX IF NOT EXISTS dynamodb_spaces_gone ON dynamodb_spaces(gone) WHERE gone IS NOT NULL;

CREATE TABLE IF NOT EXISTS dynamodb_items(
    id    INTEGER PRIMARY KEY,           -- rows lie as they came: only the index grows in random places
    space INTEGER NOT NULL,
    key   BLOB NOT NULL,                 -- see keys.py
    size  INTEGER NOT NULL,              -- bytes as DynamoDB counts them: who reads need not read JSON for it
    item  BLOB NOT NULL                  -- JSON, as the API has it
);
CREATE UNIQUE INDEX IF NOT EXISTS dynamodb_items_key ON dynamodb_items(space, key);

CREATE TABLE IF NOT EXISTS dynamodb_counts( -- how many items a space has, and how large they are; added up by lane
    space INTEGER NOT NULL,
    lane  INTEGER NOT NULL,
    items INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (space, lane)
) WITHOUT ROWID;

-- Transactions

CREATE TABLE IF NOT EXISTS dynamodb_tokens( -- ClientRequestTokens of transactions that went well
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    token   TEXT NOT NULL,
    asked   BLOB NOT NULL,                  -- a hash of what was asked for
    at      REAL NOT NULL,
    PRIMARY KEY (account, region, token)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dynamodb_tokens_at ON dynamodb_tokens(at);

-- Streams of tables: their records are journals' of the same names.

CREATE TABLE IF NOT EXISTS dynamodb_streams(
    arn      TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    name     TEXT NOT NULL,              -- of the table, which may be gone
    label    TEXT NOT NULL,
    view     TEXT NOT NULL,              -- StreamViewType
    keys     BLOB NOT NULL,              -- the table's KeySchema
    created  REAL NOT NULL,
    disabled REAL                        -- since when nothing comes any more
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dynamodb_streams_by_name ON dynamodb_streams(account, region, name, label);

-- Resource policies, of tables and of streams.

CREATE TABLE IF NOT EXISTS dynamodb_policies(
    resource TEXT PRIMARY KEY,           -- its ARN
    policy   TEXT NOT NULL,              -- as GetResourcePolicy answers it
    sent     TEXT NOT NULL,              -- the same in what it was sent as, but for its spelling
    revision TEXT NOT NULL
) WITHOUT ROWID;

-- Time to live: which items expire when. A table that has it has a list of them, which is numbered as spaces are.

CREATE TABLE IF NOT EXISTS dynamodb_expiries(
    list INTEGER NOT NULL,
    key  BLOB NOT NULL,                  -- of the item
    at   INTEGER NOT NULL,               -- epoch seconds
    PRIMARY KEY (list, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dynamodb_expiries_at ON dynamodb_expiries(list, at);

-- --- What was: backups, points in time, exports and imports ---------------------------------------------------------

CREATE TABLE IF NOT EXISTS dynamodb_history( -- what items were, where somebody needs to know
    space  INTEGER NOT NULL,
    key    BLOB NOT NULL,
    number INTEGER NOT NULL, -- of the item's changes, rising
    at     REAL NOT NULL,    -- when it changed
    item   BLOB,             -- what it was until then; NULL: it was not there
    PRIMARY KEY (space, key, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS dynamodb_recovery( -- tables of which every moment can be had back
    arn   TEXT PRIMARY KEY,
    space INTEGER NOT NULL,
    since REAL NOT NULL,
    days  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS dynamodb_backups(
    arn        TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    type       TEXT NOT NULL,   -- USER, SYSTEM
    status     TEXT NOT NULL,   -- CREATING, AVAILABLE
    created    REAL NOT NULL,   -- the moment it is of
    expires    REAL,
    table_arn  TEXT NOT NULL,
    source     BLOB NOT NULL,   -- of the table: SourceTableDetails, SourceTableFeatureDetails, and its definition
    items      INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    space      INTEGER NOT NULL -- where its items are
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS dynamodb_transfers( -- exports and imports
    arn       TEXT PRIMARY KEY,
    kind      TEXT NOT NULL,    -- export, import
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    table_arn TEXT NOT NULL,
    status    TEXT NOT NULL,    -- IN_PROGRESS, COMPLETED, FAILED
    started   REAL NOT NULL,
    ended     REAL,
    token     TEXT NOT NULL,    -- the client's
    request   BLOB NOT NULL,    -- as it was asked for
    result    BLOB NOT NULL     -- what the description has beside it
) WITHOUT ROWID;
