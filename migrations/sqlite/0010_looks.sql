-- How the capture page looks for a provider's people, as JSON. Null: as it does by itself.
ALTER TABLE providers ADD COLUMN look TEXT;
