-- Origins of pages that may call the contract from a browser with a key, or a capture token, of this provider.
CREATE TABLE provider_origins (
    provider BLOB NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    origin TEXT NOT NULL,
    PRIMARY KEY (origin, provider)
);
