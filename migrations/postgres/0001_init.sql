CREATE TABLE providers (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created TIMESTAMPTZ NOT NULL
);

-- A key's secret is known to its holder only; `permissions` are names, separated by blanks.
CREATE TABLE keys (
    id UUID PRIMARY KEY,
    provider UUID NOT NULL REFERENCES providers (id),
    secret_sha256 BYTEA NOT NULL,
    permissions TEXT NOT NULL,
    created TIMESTAMPTZ NOT NULL,
    expires TIMESTAMPTZ,
    revoked TIMESTAMPTZ
);
CREATE INDEX keys_provider ON keys (provider);

-- `day` is the UTC day.
CREATE TABLE usage (
    provider UUID NOT NULL REFERENCES providers (id),
    operation TEXT NOT NULL,
    day DATE NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (provider, operation, day)
);

-- `kid` is the public key's thumbprint (RFC 7638), `jwk` its public half as JSON, `certificate` PEM.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    private_key_sealed BYTEA NOT NULL,
    jwk TEXT NOT NULL,
    certificate TEXT NOT NULL,
    created TIMESTAMPTZ NOT NULL,
    retired TIMESTAMPTZ
);
-- Nodes that start at once agree on the first key: only one insert can win.
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (algorithm) WHERE retired IS NULL;
