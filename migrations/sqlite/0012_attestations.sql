-- The keys that attest a provider's capture clients, and whether its checks require an attestation: JSON, sealed by the
-- master key. Null: attestations are not verified.
ALTER TABLE providers ADD COLUMN attestation_sealed BLOB;
