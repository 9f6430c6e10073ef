-- +goose Up

-- Times are microseconds since 1970 in UTC, 0 where there is none; costs are nano-dollars;
-- hours are whole hours since 1970 in UTC. Lists and limits are JSON.

-- One row each: what is counted up where changes need an order. Its row lock holds until the
-- change is committed, so that numbers become visible in their order.
CREATE TABLE revisions (
	name TEXT NOT NULL PRIMARY KEY,
	n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO revisions (name, n) VALUES ('keys', 0), ('config', 0);

CREATE TABLE client_keys (
	id          TEXT NOT NULL PRIMARY KEY,
	name        TEXT NOT NULL,
	owner       TEXT NOT NULL,
	priority    TEXT NOT NULL,
	weight      INTEGER NOT NULL,
	models      TEXT NOT NULL,
	limits      TEXT NOT NULL,
	max_tokens  INTEGER NOT NULL,
	allowed_ips TEXT NOT NULL,
	tags        TEXT NOT NULL,
	expires_at  INTEGER NOT NULL,
	disabled    INTEGER NOT NULL,
	hash        BLOB NOT NULL UNIQUE,
	hint        TEXT NOT NULL,
	old_hash    BLOB NOT NULL,
	old_until   INTEGER NOT NULL,
	created_at  INTEGER NOT NULL,
	updated_at  INTEGER NOT NULL,
	revoked_at  INTEGER NOT NULL,
	version     INTEGER NOT NULL,
	revision    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX client_keys_name ON client_keys (name) WHERE revoked_at = 0;
CREATE INDEX client_keys_revision ON client_keys (revision);

-- born is the revision at which the owner was made: a name can be used again.
CREATE TABLE owners (
	name       TEXT NOT NULL,
	born       INTEGER NOT NULL,
	kind       TEXT NOT NULL,
	limits     TEXT NOT NULL,
	tags       TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	deleted_at INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	revision   INTEGER NOT NULL,
	PRIMARY KEY (name, born)
) STRICT;
CREATE UNIQUE INDEX owners_name ON owners (name) WHERE deleted_at = 0;
CREATE INDEX owners_revision ON owners (revision);

CREATE TABLE accounts (
	id            TEXT NOT NULL PRIMARY KEY,
	name          TEXT NOT NULL UNIQUE,
	role          TEXT NOT NULL,
	owner         TEXT NOT NULL,
	password_hash TEXT NOT NULL,
	disabled      INTEGER NOT NULL,
	created_at    INTEGER NOT NULL,
	updated_at    INTEGER NOT NULL,
	version       INTEGER NOT NULL
) STRICT;

CREATE TABLE api_tokens (
	id         TEXT NOT NULL PRIMARY KEY,
	name       TEXT NOT NULL UNIQUE,
	role       TEXT NOT NULL,
	owner      TEXT NOT NULL,
	hash       BLOB NOT NULL UNIQUE,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
	hash       BLOB NOT NULL PRIMARY KEY,
	account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE audit (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	at     INTEGER NOT NULL,
	who    TEXT NOT NULL,
	role   TEXT NOT NULL,
	origin TEXT NOT NULL,
	action TEXT NOT NULL,
	target TEXT NOT NULL,
	detail BLOB
) STRICT;

CREATE TABLE config_versions (
	n      INTEGER NOT NULL PRIMARY KEY,
	at     INTEGER NOT NULL,
	who    TEXT NOT NULL,
	note   TEXT NOT NULL,
	text   BLOB NOT NULL,
	sealed INTEGER NOT NULL,
	base   TEXT NOT NULL,
	active INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX config_versions_active ON config_versions (active) WHERE active;

CREATE TABLE upstream_keys (
	provider    TEXT NOT NULL,
	account     TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	sealed      BLOB,
	state       TEXT NOT NULL,
	expires_at  INTEGER NOT NULL,
	updated_at  INTEGER NOT NULL,
	PRIMARY KEY (provider, account, fingerprint)
) STRICT;

CREATE TABLE vault_canary (
	id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	sealed BLOB NOT NULL
) STRICT;

CREATE TABLE requests (
	id               TEXT NOT NULL PRIMARY KEY,
	client_id        TEXT NOT NULL,
	at               INTEGER NOT NULL,
	endpoint         TEXT NOT NULL,
	key_id           TEXT NOT NULL,
	key_name         TEXT NOT NULL,
	owner            TEXT NOT NULL,
	model            TEXT NOT NULL,
	route            TEXT NOT NULL,
	priority         TEXT NOT NULL,
	stream           INTEGER NOT NULL,
	outcome          TEXT NOT NULL,
	status           INTEGER NOT NULL,
	error_code       TEXT NOT NULL,
	error            TEXT NOT NULL,
	fault            TEXT NOT NULL,
	limited_by       TEXT NOT NULL,
	shed_reason      TEXT NOT NULL,
	provider         TEXT NOT NULL,
	account          TEXT NOT NULL,
	served_model     TEXT NOT NULL,
	attempts         INTEGER NOT NULL,
	queue_ns         INTEGER NOT NULL,
	first_byte_ns    INTEGER NOT NULL,
	duration_ns      INTEGER NOT NULL,
	estimated_input  INTEGER NOT NULL,
	estimated_output INTEGER NOT NULL,
	input            INTEGER NOT NULL,
	output           INTEGER NOT NULL,
	cached           INTEGER NOT NULL,
	cost             INTEGER NOT NULL,
	known            INTEGER NOT NULL,
	spared           INTEGER NOT NULL,
	cache            TEXT NOT NULL,
	trail            BLOB
) STRICT;
CREATE INDEX requests_at ON requests (at, id);
CREATE INDEX requests_key ON requests (key_id, at, id);
CREATE INDEX requests_owner ON requests (owner, at, id) WHERE owner <> '';
CREATE INDEX requests_outcome ON requests (outcome, at, id) WHERE outcome <> 'ok';
CREATE INDEX requests_client ON requests (client_id, at, id) WHERE client_id <> '';

-- Attempts are written before their request, so nothing refers to requests.
CREATE TABLE attempts (
	request_id   TEXT NOT NULL,
	n            INTEGER NOT NULL,
	at           INTEGER NOT NULL,
	key_id       TEXT NOT NULL,
	key_name     TEXT NOT NULL,
	owner        TEXT NOT NULL,
	route        TEXT NOT NULL,
	provider     TEXT NOT NULL,
	account      TEXT NOT NULL,
	model        TEXT NOT NULL,
	upstream_key TEXT NOT NULL,
	status       INTEGER NOT NULL,
	kind         TEXT NOT NULL,
	duration_ns  INTEGER NOT NULL,
	input        INTEGER NOT NULL,
	output       INTEGER NOT NULL,
	cached       INTEGER NOT NULL,
	cost         INTEGER NOT NULL,
	known        INTEGER NOT NULL,
	PRIMARY KEY (request_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_at ON attempts (at);

CREATE TABLE contents (
	request_id TEXT NOT NULL PRIMARY KEY,
	at         INTEGER NOT NULL,
	prompt     BLOB,
	answer     BLOB,
	cut        INTEGER NOT NULL
) STRICT;
CREATE INDEX contents_at ON contents (at);

-- key_name is set where key_id is not; else the name is in key_names.
CREATE TABLE usage_hours (
	hour     INTEGER NOT NULL,
	key_id   TEXT NOT NULL,
	key_name TEXT NOT NULL,
	owner    TEXT NOT NULL,
	route    TEXT NOT NULL,
	model    TEXT NOT NULL,
	provider TEXT NOT NULL,
	requests INTEGER NOT NULL,
	refused  INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	failed   INTEGER NOT NULL,
	input    INTEGER NOT NULL,
	output   INTEGER NOT NULL,
	cached   INTEGER NOT NULL,
	cost     INTEGER NOT NULL,
	PRIMARY KEY (hour, key_id, key_name, owner, route, model, provider)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_hours_key ON usage_hours (key_id, hour);
CREATE INDEX usage_hours_owner ON usage_hours (owner, hour);

-- The name under which a key was last used, and when that was.
CREATE TABLE key_names (
	key_id TEXT NOT NULL PRIMARY KEY,
	name   TEXT NOT NULL,
	at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
