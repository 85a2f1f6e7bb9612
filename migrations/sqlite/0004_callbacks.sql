-- What signs callbacks to a provider, sealed by the master key. Null until the first one.
ALTER TABLE providers ADD COLUMN callback_secret_sealed BLOB;

-- What a provider is still to be told, or was. `due`: from when on it is sent. `leased`: until when one node sends it.
-- `last`: how the latest attempt ended, in words.
CREATE TABLE callbacks (
    id BLOB PRIMARY KEY NOT NULL,
    session BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER NOT NULL,
    leased INTEGER,
    last TEXT,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX callbacks_due ON callbacks (status, due);
CREATE INDEX callbacks_session ON callbacks (session);
