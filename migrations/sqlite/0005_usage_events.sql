-- One row for each thing that is counted, until it is added up in `usage`: a request locks no row that another needs.
CREATE TABLE usage_events (
    id BLOB PRIMARY KEY NOT NULL,
    provider BLOB NOT NULL,
    operation TEXT NOT NULL,
    day TEXT NOT NULL
) STRICT;

-- Rows that are erased by the transaction that writes them, to see whether the database can be written.
CREATE TABLE probes (
    id BLOB PRIMARY KEY NOT NULL
) STRICT;
