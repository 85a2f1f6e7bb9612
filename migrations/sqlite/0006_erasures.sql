-- Whose the media are that this database leads to: one row, made at the first start. Servers that keep media in one
-- place, and have databases of their own, tell theirs apart by it.
CREATE TABLE owner (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one),
    id BLOB NOT NULL
) STRICT;
-- The owner of a session's media, which lie under `<owner>/sessions/<session>`. Null: from before there were owners,
-- under `sessions/<session>`.
ALTER TABLE sessions ADD COLUMN owner BLOB;

-- Media that are to be erased, written by the transaction that deletes what led to them. A name that ends in a slash
-- stands for everything under it. `due`: from when on it is tried, while one node is at it, too.
CREATE TABLE erasures (
    name TEXT PRIMARY KEY NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER NOT NULL
) STRICT;
CREATE INDEX erasures_due ON erasures (due);

-- Faces that were deleted, while their session lives: to delete one again is no error.
CREATE TABLE deleted_faces (
    face BLOB PRIMARY KEY NOT NULL,
    session BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX deleted_faces_session ON deleted_faces (session);

-- How often a capture met a database or a place of media that was away: these are no attempts.
ALTER TABLE replays ADD COLUMN faults INTEGER NOT NULL DEFAULT 0;
