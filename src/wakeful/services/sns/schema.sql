-- Topics and who subscribes to them.

CREATE TABLE IF NOT EXISTS sns_topics(
    arn         TEXT PRIMARY KEY,
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    attributes  BLOB NOT NULL,         -- as they were set, byte for byte
    tags        BLOB NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0 -- how many subscriptions it has lost
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_topics_name ON sns_topics(account, region, name);

CREATE TABLE IF NOT EXISTS sns_subscriptions(
    arn         TEXT PRIMARY KEY,
    topic       TEXT NOT NULL,         -- its ARN
    account     TEXT NOT NULL,         -- of the subscriber
    region      TEXT NOT NULL,
    protocol    TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    attributes  BLOB NOT NULL,         -- as they were set, byte for byte
    principal   TEXT NOT NULL,         -- who subscribed
    base_url    TEXT NOT NULL,         -- as the subscriber addressed us; the links in messages begin with it
    created     REAL NOT NULL,
    token       TEXT,                  -- what confirms it; none where nobody has to be asked any more
    UNIQUE(topic, protocol, endpoint)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_subscriptions_account ON sns_subscriptions(account, region, arn);
