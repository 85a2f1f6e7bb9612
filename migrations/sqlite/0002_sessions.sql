-- Null: what the operator's configuration says.
ALTER TABLE providers ADD COLUMN ttl_seconds_max INTEGER;
ALTER TABLE providers ADD COLUMN requests_per_minute INTEGER;
ALTER TABLE providers ADD COLUMN requests_at_once INTEGER;

-- `key_sealed` is the session's data key, sealed by the master key: null once the session has ended.
-- `leased` is until when one node is erasing what belongs to it.
CREATE TABLE sessions (
    id BLOB PRIMARY KEY NOT NULL,
    provider BLOB NOT NULL REFERENCES providers (id),
    correlation_id TEXT,
    evidence_id TEXT,
    image_storage_enabled INTEGER NOT NULL,
    callback_url TEXT,
    key_sealed BLOB,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    leased INTEGER
) STRICT;
CREATE INDEX sessions_expires ON sessions (expires);

-- `content_sealed` is all that is known of the face, sealed by the session's key.
CREATE TABLE faces (
    id BLOB PRIMARY KEY NOT NULL,
    session BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    content_sealed BLOB NOT NULL
) STRICT;
CREATE INDEX faces_session ON faces (session, id);

-- What a request with an Idempotency-Key made: a session, or a face of a session. `place` is where the key counts:
-- the provider's id for sessions, the session's id for faces.
CREATE TABLE idempotency (
    place BLOB NOT NULL,
    key_sha256 BLOB NOT NULL,
    body_sha256 BLOB NOT NULL,
    session BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    face BLOB,
    PRIMARY KEY (place, key_sha256)
) STRICT;
CREATE INDEX idempotency_session ON idempotency (session);
