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

-- --- HTTP endpoints and signatures ----------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS sns_signing_keys(
    name        TEXT PRIMARY KEY,
    private_key TEXT NOT NULL,         -- PEM
    certificate TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sns_posts(  -- messages on their way to HTTP endpoints
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription TEXT NOT NULL,        -- its ARN; it may be gone
    due          REAL NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0, -- that have failed
    published    REAL NOT NULL,
    body         BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS sns_posts_due ON sns_posts(subscription, due, id);

CREATE TABLE IF NOT EXISTS sns_confirmations( -- of subscriptions that were confirmed by a token
    subscription     TEXT PRIMARY KEY, -- its ARN
    is_authenticated INTEGER NOT NULL, -- whether who confirmed had signed
    is_guarded       INTEGER NOT NULL  -- whether who ends it must sign (AuthenticateOnUnsubscribe)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sns_ended(  -- subscriptions that their endpoint may have again
    token        TEXT PRIMARY KEY,
    topic        TEXT NOT NULL,
    subscription TEXT NOT NULL,
    until        REAL NOT NULL,
    content      BLOB NOT NULL         -- the subscription's row
) WITHOUT ROWID;
