-- The keys that seal the keys of sessions: one for each hour, for the sessions that end in it. A key itself lies among
-- the media, at `<owner>/keys/<id>`, sealed by the master key, where no log and no dump of this database has it.
-- `ends`: the end of the hour, after which it is erased. `lost`: the key was not to be found, and the hour has another.
CREATE TABLE epochs (
    id BLOB PRIMARY KEY NOT NULL,
    ends INTEGER NOT NULL,
    lost INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX epochs_ends ON epochs (ends) WHERE NOT lost;

-- `epoch`: whose key seals `key_sealed`. Null: the master key does, and names stand in the open, in a session from before
-- there were epochs. `about_sealed`: the caller's names for the session and its callback URL, sealed by the session's key.
ALTER TABLE sessions ADD COLUMN epoch BLOB REFERENCES epochs (id);
ALTER TABLE sessions ADD COLUMN about_sealed BLOB;
ALTER TABLE sessions ADD COLUMN has_callback INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET has_callback = 1 WHERE callback_url IS NOT NULL;
CREATE INDEX sessions_epoch ON sessions (epoch);
