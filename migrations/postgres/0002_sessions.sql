-- Null: what the operator's configuration says.
ALTER TABLE providers ADD COLUMN ttl_seconds_max BIGINT;
ALTER TABLE providers ADD COLUMN requests_per_minute BIGINT;
ALTER TABLE providers ADD COLUMN requests_at_once BIGINT;

-- `key_sealed` is the session's data key, sealed by the master key: null once the session has ended.
-- `leased` is until when one node is erasing what belongs to it.
CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    provider UUID NOT NULL REFERENCES providers (id),
    correlation_id TEXT,
    evidence_id TEXT,
    image_storage_enabled BOOLEAN NOT NULL,
    callback_url TEXT,
    key_sealed BYTEA,
    created TIMESTAMPTZ NOT NULL,
    expires TIMESTAMPTZ NOT NULL,
    leased TIMESTAMPTZ
);
CREATE INDEX sessions_expires ON sessions (expires);

-- `content_sealed` is all that is known of the face, sealed by the session's key.
CREATE TABLE faces (
    id UUID PRIMARY KEY,
    session UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    content_sealed BYTEA NOT NULL
);
CREATE INDEX faces_session ON faces (session, id);

-- What a request with an Idempotency-Key made: a session, or a face of a session. `place` is where the key counts:
-- the provider's id for sessions, the session's id for faces.
CREATE TABLE idempotency (
    place UUID NOT NULL,
    key_sha256 BYTEA NOT NULL,
    body_sha256 BYTEA NOT NULL,
    session UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    face UUID,
    PRIMARY KEY (place, key_sha256)
);
CREATE INDEX idempotency_session ON idempotency (session);
