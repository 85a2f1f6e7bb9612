CREATE TABLE providers (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL
) STRICT;

-- A key's secret is known to its holder only; `permissions` are names, separated by blanks.
CREATE TABLE keys (
    id BLOB PRIMARY KEY NOT NULL,
    provider BLOB NOT NULL REFERENCES providers (id),
    secret_sha256 BLOB NOT NULL,
    permissions TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER
) STRICT;
CREATE INDEX keys_provider ON keys (provider);

-- `day` is the UTC day, as `2026-01-31`. Moments are milliseconds since 1970.
CREATE TABLE usage (
    provider BLOB NOT NULL REFERENCES providers (id),
    operation TEXT NOT NULL,
    day TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (provider, operation, day)
) STRICT;

-- `kid` is the public key's thumbprint (RFC 7638), `jwk` its public half as JSON, `certificate` PEM.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY NOT NULL,
    algorithm TEXT NOT NULL,
    private_key_sealed BLOB NOT NULL,
    jwk TEXT NOT NULL,
    certificate TEXT NOT NULL,
    created INTEGER NOT NULL,
    retired INTEGER
) STRICT;
-- Nodes that start at once agree on the first key: only one insert can win.
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (algorithm) WHERE retired IS NULL;
