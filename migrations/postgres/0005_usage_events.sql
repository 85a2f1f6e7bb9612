-- One row for each thing that is counted, until it is added up in `usage`: a request locks no row that another needs.
CREATE TABLE usage_events (
    id UUID PRIMARY KEY,
    provider UUID NOT NULL,
    operation TEXT NOT NULL,
    day DATE NOT NULL
);

-- Rows that are erased by the transaction that writes them, to see whether the database can be written.
CREATE TABLE probes (
    id UUID PRIMARY KEY
);
