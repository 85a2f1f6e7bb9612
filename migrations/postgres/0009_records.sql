-- The audit log. An entry waits in `audit_events` until it has its place in the chain, so that no request locks a row
-- that another needs. `entry` is JSON; `mac` proves that a node wrote it, by a key derived from the master key.
CREATE TABLE audit_events (
    id UUID PRIMARY KEY,
    entry TEXT NOT NULL,
    mac BYTEA NOT NULL
);

-- The chain. `hash` is the SHA-256 of the hash before and of this entry as an export writes it.
CREATE TABLE audit_entries (
    seq BIGINT PRIMARY KEY,
    happened TIMESTAMPTZ NOT NULL,
    entry TEXT NOT NULL,
    hash BYTEA NOT NULL
);

-- One row. `head` is the end of the chain, signed; `pruned` is the last entry that was deleted because of its age, signed.
CREATE TABLE audit_chain (
    one BOOLEAN PRIMARY KEY CHECK (one),
    head TEXT,
    pruned TEXT
);
INSERT INTO audit_chain (one) VALUES (TRUE);

-- `serves`: from when on the key serves. A key that is announced is there, and published, before that; until then it
-- counts as retired for programs that do not know this column. Null: since it was made.
-- `certificate_ends`: null for a certificate of twenty years.
ALTER TABLE server_keys ADD COLUMN serves TIMESTAMPTZ;
ALTER TABLE server_keys ADD COLUMN certificate_ends TIMESTAMPTZ;
