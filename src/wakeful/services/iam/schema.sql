-- Users, groups and roles, their policies, and access keys. IAM has no regions.

CREATE TABLE IF NOT EXISTS iam_entities(
    id            TEXT PRIMARY KEY,      -- AIDA… AGPA… AROA…; never used twice, whatever a name is used for
    kind          TEXT NOT NULL,         -- user, group, role
    account       TEXT NOT NULL,
    name_key      TEXT NOT NULL,         -- the name in lower case: IAM does not tell names apart by case
    name          TEXT NOT NULL,
    path          TEXT NOT NULL,
    arn           TEXT NOT NULL UNIQUE,
    created       REAL NOT NULL,
    boundary      TEXT,                  -- the ARN of a managed policy
    tags          BLOB NOT NULL,
    trust         TEXT,                  -- of a role: who may assume it
    description   TEXT,
    max_session_s INTEGER,
    UNIQUE(account, kind, name_key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS iam_members(
    group_id TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    PRIMARY KEY(group_id, user_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS iam_members_user ON iam_members(user_id);

CREATE TABLE IF NOT EXISTS iam_inline(
    entity   TEXT NOT NULL,
    name     TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY(entity, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS iam_attachments(
    entity  TEXT NOT NULL,
    policy  TEXT NOT NULL,               -- the ARN; AWS's own policies have no row below
    account TEXT NOT NULL,
    PRIMARY KEY(entity, policy)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS iam_attachments_policy ON iam_attachments(account, policy);

CREATE TABLE IF NOT EXISTS iam_policies(
    arn             TEXT PRIMARY KEY,
    id              TEXT NOT NULL,
    account         TEXT NOT NULL,
    name_key        TEXT NOT NULL,
    name            TEXT NOT NULL,
    path            TEXT NOT NULL,
    description     TEXT NOT NULL,
    created         REAL NOT NULL,
    updated         REAL NOT NULL,
    default_version INTEGER NOT NULL,
    next_version    INTEGER NOT NULL,
    tags            BLOB NOT NULL,
    UNIQUE(account, name_key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS iam_policy_versions(
    policy   TEXT NOT NULL,
    number   INTEGER NOT NULL,
    document TEXT NOT NULL,
    created  REAL NOT NULL,
    PRIMARY KEY(policy, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS iam_access_keys(
    id           TEXT PRIMARY KEY,
    account      TEXT NOT NULL,
    user_id      TEXT,                   -- NULL is the account's root
    secret       TEXT NOT NULL,
    is_active    INTEGER NOT NULL,
    created      REAL NOT NULL,
    used         REAL,
    used_service TEXT,
    used_region  TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS iam_access_keys_user ON iam_access_keys(account, user_id);

CREATE TABLE IF NOT EXISTS iam_secrets(
    name   TEXT PRIMARY KEY,
    secret TEXT NOT NULL
) WITHOUT ROWID;
