-- The secret that the one above took the place of, sealed by the master key: callbacks are signed with both until
-- `callback_secret_before_until`. Null: there was none.
ALTER TABLE providers ADD COLUMN callback_secret_before_sealed BYTEA;
ALTER TABLE providers ADD COLUMN callback_secret_before_until TIMESTAMPTZ;
