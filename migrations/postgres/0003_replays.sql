-- Whether answers say why liveness was refused. Null: they do not.
ALTER TABLE providers ADD COLUMN liveness_reasons BOOLEAN;

-- Beside the keys that sign, those that captures are encrypted for.
ALTER TABLE signing_keys RENAME TO server_keys;

-- The liveness check of a session. What is sealed, the session's key seals; `capture_sealed` is gone once there is a
-- result. `due`: until when the capture must come. `leased`: until when one node works on it. `attempts` also tells one
-- lease from the next.
CREATE TABLE replays (
    session UUID PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    asked_sealed BYTEA NOT NULL,
    capture_sealed BYTEA,
    result_sealed BYTEA,
    due TIMESTAMPTZ NOT NULL,
    received TIMESTAMPTZ,
    leased TIMESTAMPTZ,
    attempts BIGINT NOT NULL
);
CREATE INDEX replays_due ON replays (status, due);
CREATE INDEX replays_received ON replays (status, received);
