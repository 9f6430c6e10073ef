-- +goose Up

-- Times are microseconds since 1970 in UTC, 0 where there is none; costs are nano-dollars;
-- hours are whole hours since 1970 in UTC. Lists and limits are JSON.

-- One row each: what is counted up where changes need an order. Its row lock holds until the
-- change is committed, so that numbers become visible in their order.
CREATE TABLE revisions (
	name text COLLATE "C" NOT NULL PRIMARY KEY,
	n    bigint NOT NULL
);
INSERT INTO revisions (name, n) VALUES ('keys', 0), ('config', 0);

CREATE TABLE client_keys (
	id          text COLLATE "C" NOT NULL PRIMARY KEY,
	name        text COLLATE "C" NOT NULL,
	owner       text COLLATE "C" NOT NULL,
	priority    text COLLATE "C" NOT NULL,
	weight      bigint NOT NULL,
	models      text COLLATE "C" NOT NULL,
	limits      text COLLATE "C" NOT NULL,
	max_tokens  bigint NOT NULL,
	allowed_ips text COLLATE "C" NOT NULL,
	tags        text COLLATE "C" NOT NULL,
	expires_at  bigint NOT NULL,
	disabled    boolean NOT NULL,
	hash        bytea NOT NULL UNIQUE,
	hint        text COLLATE "C" NOT NULL,
	old_hash    bytea NOT NULL,
	old_until   bigint NOT NULL,
	created_at  bigint NOT NULL,
	updated_at  bigint NOT NULL,
	revoked_at  bigint NOT NULL,
	version     bigint NOT NULL,
	revision    bigint NOT NULL
);
CREATE UNIQUE INDEX client_keys_name ON client_keys (name) WHERE revoked_at = 0;
CREATE INDEX client_keys_revision ON client_keys (revision);

-- born is the revision at which the owner was made: a name can be used again.
CREATE TABLE owners (
	name       text COLLATE "C" NOT NULL,
	born       bigint NOT NULL,
	kind       text COLLATE "C" NOT NULL,
	limits     text COLLATE "C" NOT NULL,
	tags       text COLLATE "C" NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL,
	deleted_at bigint NOT NULL,
	version    bigint NOT NULL,
	revision   bigint NOT NULL,
	PRIMARY KEY (name, born)
);
CREATE UNIQUE INDEX owners_name ON owners (name) WHERE deleted_at = 0;
CREATE INDEX owners_revision ON owners (revision);

CREATE TABLE accounts (
	id            text COLLATE "C" NOT NULL PRIMARY KEY,
	name          text COLLATE "C" NOT NULL UNIQUE,
	role          text COLLATE "C" NOT NULL,
	owner         text COLLATE "C" NOT NULL,
	password_hash text COLLATE "C" NOT NULL,
	disabled      boolean NOT NULL,
	created_at    bigint NOT NULL,
	updated_at    bigint NOT NULL,
	version       bigint NOT NULL
);

CREATE TABLE api_tokens (
	id         text COLLATE "C" NOT NULL PRIMARY KEY,
	name       text COLLATE "C" NOT NULL UNIQUE,
	role       text COLLATE "C" NOT NULL,
	owner      text COLLATE "C" NOT NULL,
	hash       bytea NOT NULL UNIQUE,
	created_at bigint NOT NULL,
	expires_at bigint NOT NULL
);

CREATE TABLE sessions (
	hash       bytea NOT NULL PRIMARY KEY,
	account_id text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	created_at bigint NOT NULL,
	expires_at bigint NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE audit (
	id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at     bigint NOT NULL,
	who    text COLLATE "C" NOT NULL,
	role   text COLLATE "C" NOT NULL,
	origin text COLLATE "C" NOT NULL,
	action text COLLATE "C" NOT NULL,
	target text COLLATE "C" NOT NULL,
	detail bytea
);

CREATE TABLE config_versions (
	n      bigint NOT NULL PRIMARY KEY,
	at     bigint NOT NULL,
	who    text COLLATE "C" NOT NULL,
	note   text COLLATE "C" NOT NULL,
	text   bytea NOT NULL,
	sealed boolean NOT NULL,
	base   text COLLATE "C" NOT NULL,
	active boolean NOT NULL
);
CREATE UNIQUE INDEX config_versions_active ON config_versions (active) WHERE active;

CREATE TABLE upstream_keys (
	provider    text COLLATE "C" NOT NULL,
	account     text COLLATE "C" NOT NULL,
	fingerprint text COLLATE "C" NOT NULL,
	sealed      bytea,
	state       text COLLATE "C" NOT NULL,
	expires_at  bigint NOT NULL,
	updated_at  bigint NOT NULL,
	PRIMARY KEY (provider, account, fingerprint)
);

CREATE TABLE vault_canary (
	id     bigint NOT NULL PRIMARY KEY CHECK (id = 1),
	sealed bytea NOT NULL
);

CREATE TABLE requests (
	id               text COLLATE "C" NOT NULL PRIMARY KEY,
	client_id        text COLLATE "C" NOT NULL,
	at               bigint NOT NULL,
	endpoint         text COLLATE "C" NOT NULL,
	key_id           text COLLATE "C" NOT NULL,
	key_name         text COLLATE "C" NOT NULL,
	owner            text COLLATE "C" NOT NULL,
	model            text COLLATE "C" NOT NULL,
	route            text COLLATE "C" NOT NULL,
	priority         text COLLATE "C" NOT NULL,
	stream           boolean NOT NULL,
	outcome          text COLLATE "C" NOT NULL,
	status           bigint NOT NULL,
	error_code       text COLLATE "C" NOT NULL,
	error            text COLLATE "C" NOT NULL,
	fault            text COLLATE "C" NOT NULL,
	limited_by       text COLLATE "C" NOT NULL,
	shed_reason      text COLLATE "C" NOT NULL,
	provider         text COLLATE "C" NOT NULL,
	account          text COLLATE "C" NOT NULL,
	served_model     text COLLATE "C" NOT NULL,
	attempts         bigint NOT NULL,
	queue_ns         bigint NOT NULL,
	first_byte_ns    bigint NOT NULL,
	duration_ns      bigint NOT NULL,
	estimated_input  bigint NOT NULL,
	estimated_output bigint NOT NULL,
	input            bigint NOT NULL,
	output           bigint NOT NULL,
	cached           bigint NOT NULL,
	cost             bigint NOT NULL,
	known            boolean NOT NULL,
	spared           boolean NOT NULL,
	cache            text COLLATE "C" NOT NULL,
	trail            bytea
);
CREATE INDEX requests_at ON requests (at, id);
CREATE INDEX requests_key ON requests (key_id, at, id);
CREATE INDEX requests_owner ON requests (owner, at, id) WHERE owner <> '';
CREATE INDEX requests_outcome ON requests (outcome, at, id) WHERE outcome <> 'ok';
CREATE INDEX requests_client ON requests (client_id, at, id) WHERE client_id <> '';

-- Attempts are written before their request, so nothing refers to requests.
CREATE TABLE attempts (
	request_id   text COLLATE "C" NOT NULL,
	n            bigint NOT NULL,
	at           bigint NOT NULL,
	key_id       text COLLATE "C" NOT NULL,
	key_name     text COLLATE "C" NOT NULL,
	owner        text COLLATE "C" NOT NULL,
	route        text COLLATE "C" NOT NULL,
	provider     text COLLATE "C" NOT NULL,
	account      text COLLATE "C" NOT NULL,
	model        text COLLATE "C" NOT NULL,
	upstream_key text COLLATE "C" NOT NULL,
	status       bigint NOT NULL,
	kind         text COLLATE "C" NOT NULL,
	duration_ns  bigint NOT NULL,
	input        bigint NOT NULL,
	output       bigint NOT NULL,
	cached       bigint NOT NULL,
	cost         bigint NOT NULL,
	known        boolean NOT NULL,
	PRIMARY KEY (request_id, n)
);
CREATE INDEX attempts_at ON attempts (at);

CREATE TABLE contents (
	request_id text COLLATE "C" NOT NULL PRIMARY KEY,
	at         bigint NOT NULL,
	prompt     bytea,
	answer     bytea,
	cut        boolean NOT NULL
);
CREATE INDEX contents_at ON contents (at);

-- key_name is set where key_id is not; else the name is in key_names.
CREATE TABLE usage_hours (
	hour     bigint NOT NULL,
	key_id   text COLLATE "C" NOT NULL,
	key_name text COLLATE "C" NOT NULL,
	owner    text COLLATE "C" NOT NULL,
	route    text COLLATE "C" NOT NULL,
	model    text COLLATE "C" NOT NULL,
	provider text COLLATE "C" NOT NULL,
	requests bigint NOT NULL,
	refused  bigint NOT NULL,
	attempts bigint NOT NULL,
	failed   bigint NOT NULL,
	input    bigint NOT NULL,
	output   bigint NOT NULL,
	cached   bigint NOT NULL,
	cost     bigint NOT NULL,
	PRIMARY KEY (hour, key_id, key_name, owner, route, model, provider)
);
CREATE INDEX usage_hours_key ON usage_hours (key_id, hour);
CREATE INDEX usage_hours_owner ON usage_hours (owner, hour);

-- The name under which a key was last used, and when that was.
CREATE TABLE key_names (
	key_id text COLLATE "C" NOT NULL PRIMARY KEY,
	name   text COLLATE "C" NOT NULL,
	at     bigint NOT NULL
);
