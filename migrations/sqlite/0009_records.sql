-- The audit log. An entry waits in `audit_events` until it has its place in the chain, so that no request locks a row
-- that another needs. `entry` is JSON; `mac` proves that a node wrote it, by a key derived from the master key.
CREATE TABLE audit_events (
    id BLOB PRIMARY KEY NOT NULL,
    entry TEXT NOT NULL,
    mac BLOB NOT NULL
) STRICT;

-- The chain. `hash` is the SHA-256 of the hash before and of this entry as an export writes it.
CREATE TABLE audit_entries (
    seq INTEGER PRIMARY KEY NOT NULL,
    happened INTEGER NOT NULL,
    entry TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- One row. `head` is the end of the chain, signed; `pruned` is the last entry that was deleted because of its age, signed.
CREATE TABLE audit_chain (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one),
    head TEXT,
    pruned TEXT
) STRICT;
INSERT INTO audit_chain (one) VALUES (1);

-- `serves`: from when on the key serves. A key that is announced is there, and published, before that; until then it
-- counts as retired for programs that do not know this column. Null: since it was made.
-- `certificate_ends`: null for a certificate of twenty years.
ALTER TABLE server_keys ADD COLUMN serves INTEGER;
ALTER TABLE server_keys ADD COLUMN certificate_ends INTEGER;
