-- The keys that seal the keys of sessions: one for each hour, for the sessions that end in it. A key itself lies among
-- the media, at `<owner>/keys/<id>`, sealed by the master key, where no log and no dump of this database has it.
-- `ends`: the end of the hour, after which it is erased. `lost`: the key was not to be found, and the hour has another.
CREATE TABLE epochs (
    id UUID PRIMARY KEY,
    ends TIMESTAMPTZ NOT NULL,
    lost BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX epochs_ends ON epochs (ends) WHERE NOT lost;

-- `epoch`: whose key seals `key_sealed`. Null: the master key does, and names stand in the open, in a session from before
-- there were epochs. `about_sealed`: the caller's names for the session and its callback URL, sealed by the session's key.
ALTER TABLE sessions ADD COLUMN epoch UUID REFERENCES epochs (id);
ALTER TABLE sessions ADD COLUMN about_sealed BYTEA;
ALTER TABLE sessions ADD COLUMN has_callback BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE sessions SET has_callback = TRUE WHERE callback_url IS NOT NULL;
CREATE INDEX sessions_epoch ON sessions (epoch);
