-- Buckets, what lies in them, and uploads that are not finished. A key is its UTF-8 bytes: that is S3's order.

CREATE TABLE IF NOT EXISTS s3_buckets(
    name         TEXT PRIMARY KEY,      -- unique over all accounts
    account      TEXT NOT NULL,
    region       TEXT NOT NULL,
    created      REAL NOT NULL,
    policy       TEXT,                  -- byte for byte as it was put
    tags         BLOB,                  -- NULL where there is no tag set
    public_access BLOB,                 -- what is blocked of the public; NULL where nothing is said of it
    notification BLOB                   -- the configuration as it was put, with ids; NULL where there is none
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS s3_buckets_account ON s3_buckets(account, name);

CREATE TABLE IF NOT EXISTS s3_objects(
    bucket        TEXT NOT NULL REFERENCES s3_buckets(name),  -- no object outlives its bucket, in whatever race
    key           BLOB NOT NULL,
    size          INTEGER NOT NULL,
    etag          TEXT NOT NULL,        -- without its quotes
    modified      REAL NOT NULL,
    blob          TEXT,                 -- the bytes, where they are in one piece; then the blob counts this row
    upload        TEXT,                 -- else the upload whose parts they are
    parts         INTEGER,              -- how many
    algorithm     TEXT NOT NULL,
    checksum      TEXT NOT NULL,        -- as headers have it
    checksum_type TEXT NOT NULL,        -- FULL_OBJECT or COMPOSITE
    storage_class TEXT NOT NULL,
    headers       BLOB NOT NULL,        -- Content-Type and the like, by the names of the API's members
    metadata      BLOB NOT NULL,        -- x-amz-meta-…
    tags          BLOB NOT NULL,
    PRIMARY KEY(bucket, key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS s3_uploads(
    id            TEXT PRIMARY KEY,     -- begins with the time, so that ids are in the order of initiation
    bucket        TEXT NOT NULL REFERENCES s3_buckets(name),
    key           BLOB NOT NULL,
    initiated     REAL NOT NULL,
    initiator     TEXT NOT NULL,        -- the principal's ARN
    algorithm     TEXT,                 -- NULL where the client named none
    checksum_type TEXT,
    storage_class TEXT NOT NULL,
    headers       BLOB NOT NULL,
    metadata      BLOB NOT NULL,
    tags          BLOB NOT NULL,
    is_overtaken  INTEGER NOT NULL DEFAULT 0  -- the object was written or deleted since the upload was initiated
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS s3_uploads_key ON s3_uploads(bucket, key, id);

CREATE TABLE IF NOT EXISTS s3_parts(        -- of uploads, and afterwards of the objects they became
    upload   TEXT NOT NULL,
    number   INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    blob     TEXT NOT NULL,
    etag     TEXT NOT NULL,
    checksum TEXT NOT NULL,             -- of the upload's algorithm, or of S3's default
    modified REAL NOT NULL,
    start    INTEGER,                   -- where in the object it begins, once there is one
    PRIMARY KEY(upload, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS s3_sequences(    -- the latest sequencer given out; keys share slots
    bucket TEXT NOT NULL REFERENCES s3_buckets(name),
    slot   INTEGER NOT NULL,
    value  INTEGER NOT NULL,
    PRIMARY KEY(bucket, slot)
) WITHOUT ROWID
