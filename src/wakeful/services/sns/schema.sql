-- Topics and who subscribes to them.

CREATE TABLE IF NOT EXISTS sns_topics(
    arn         TEXT PRIMARY KEY,
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    attributes  BLOB NOT NULL,         -- as they were set, byte for byte
    tags        BLOB NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0, -- how many subscriptions it has lost
    archiving   REAL,                  -- since when messages are archived; NULL where they are not
    protection  TEXT                   -- its data protection policy, byte for byte
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_topics_name ON sns_topics(account, region, name);
CREATE INDEX IF NOT EXISTS sns_topics_archiving ON sns_topics(arn) WHERE archiving IS NOT NULL;

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
    filtered    INTEGER NOT NULL DEFAULT 0, -- 1 where it has a filter policy
    UNIQUE(topic, protocol, endpoint)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_subscriptions_account ON sns_subscriptions(account, region, arn);
CREATE INDEX IF NOT EXISTS sns_subscriptions_filtered ON sns_subscriptions(account, region, topic) WHERE filtered = 1;

-- FIFO topics: what was published in the last five minutes, what is archived, and who has it replayed.

CREATE TABLE IF NOT EXISTS sns_publications(
    seq     INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: sequence numbers only grow
    topic   TEXT NOT NULL,             -- its ARN
    scope   TEXT NOT NULL,             -- the group, where the topic deduplicates by group
    id      TEXT NOT NULL,
    until   REAL NOT NULL,
    message TEXT NOT NULL,
    UNIQUE(topic, scope, id)
);
CREATE INDEX IF NOT EXISTS sns_publications_until ON sns_publications(until);

CREATE TABLE IF NOT EXISTS sns_archive(
    seq       INTEGER PRIMARY KEY,     -- of its publication
    topic     TEXT NOT NULL,
    published REAL NOT NULL,
    message   BLOB NOT NULL,
    trace     BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS sns_archive_order ON sns_archive(topic, seq);
CREATE INDEX IF NOT EXISTS sns_archive_time ON sns_archive(topic, published, seq);

CREATE TABLE IF NOT EXISTS sns_replays( -- the latest of each subscription
    subscription TEXT PRIMARY KEY,
    topic     TEXT NOT NULL,
    status    TEXT NOT NULL,           -- as ReplayStatus shows it
    ending    REAL,                    -- what was published later is not replayed
    after     INTEGER NOT NULL,        -- how far it is: the last message that was looked at
    newest    INTEGER NOT NULL,        -- of the archive when it began; what came later is delivered as new
    waits     INTEGER NOT NULL,        -- 1 as long as new messages wait behind it
    trace     BLOB NOT NULL            -- of who asked for it
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_replays_waits ON sns_replays(topic) WHERE waits = 1;

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
    is_guarded       INTEGER NOT NULL, -- whether who ends it must sign (AuthenticateOnUnsubscribe)
    token            TEXT              -- it; who has it may confirm again, which changes nothing
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_confirmations_token ON sns_confirmations(token);

CREATE TABLE IF NOT EXISTS sns_ended(  -- subscriptions that their endpoint may have again
    token        TEXT PRIMARY KEY,
    topic        TEXT NOT NULL,
    subscription TEXT NOT NULL,
    until        REAL NOT NULL,
    content      BLOB NOT NULL         -- the subscription's row
) WITHOUT ROWID;

-- People and devices -------------------------------------------------------------------------------------------------

-- What was sent to people and devices: it ends here, or an e-mail also goes out to an SMTP server.
CREATE TABLE IF NOT EXISTS sns_inbox(
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          REAL NOT NULL,
    kind        TEXT NOT NULL,         -- email, sms, push
    account     TEXT NOT NULL,         -- in whose name it was sent
    region      TEXT NOT NULL,
    recipient   TEXT NOT NULL,         -- an address, a phone number, the ARN of an endpoint
    sender      TEXT NOT NULL,
    subject     TEXT,
    body        TEXT NOT NULL,
    topic       TEXT NOT NULL,         -- its ARN; empty where it was sent directly
    message     TEXT NOT NULL,         -- the id that Publish answered
    trace       TEXT NOT NULL,
    note        TEXT NOT NULL,         -- the id of the note that tells of it
    link        TEXT NOT NULL,         -- what confirms a subscription
    detail      BLOB NOT NULL,         -- what else its kind has
    state       TEXT NOT NULL,         -- captured, relaying, relayed, failed
    reason      TEXT NOT NULL,         -- why it failed, or has not gone out yet
    size        INTEGER NOT NULL
);

-- How an account sends text messages in a region.
CREATE TABLE IF NOT EXISTS sns_sms_accounts(
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    attributes  BLOB NOT NULL,         -- as they were set
    sandbox     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(account, region)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sns_sms_numbers(
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    number      TEXT NOT NULL,
    opted_out   INTEGER NOT NULL,      -- whether its owner wants no messages
    opted_in    REAL,                  -- when it was last opted in for its owner
    PRIMARY KEY(account, region, number)
) WITHOUT ROWID;

-- Phone numbers that an account in the sandbox may send to, once they are verified.
CREATE TABLE IF NOT EXISTS sns_sms_sandbox(
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    number      TEXT NOT NULL,
    verified    INTEGER NOT NULL,
    touched     REAL NOT NULL,         -- when it was verified, or somebody last tried to
    code        TEXT,                  -- the one-time password that was sent last
    codes       BLOB NOT NULL,         -- when each was sent within the last day
    PRIMARY KEY(account, region, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sns_applications(
    arn         TEXT PRIMARY KEY,
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    platform    TEXT NOT NULL,
    name        TEXT NOT NULL,
    attributes  BLOB NOT NULL          -- as they were set
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_applications_account ON sns_applications(account, region, arn);

CREATE TABLE IF NOT EXISTS sns_endpoints(
    arn         TEXT PRIMARY KEY,
    application TEXT NOT NULL,         -- its ARN
    token       TEXT NOT NULL,
    attributes  BLOB NOT NULL,         -- as they were set; not the token
    gone        INTEGER NOT NULL DEFAULT 0, -- whether the platform knows the token no more
    UNIQUE(application, token)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_endpoints_application ON sns_endpoints(application, arn);
