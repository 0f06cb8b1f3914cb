-- The identity of the store: a process detects if another store replaces it, or if it is being restored.
ALTER TABLE hookwire.schema ADD COLUMN identity uuid NOT NULL DEFAULT gen_random_uuid();

-- Numbers outside of the valid range: a row with one of them could not be imported, and a high one would leave no number for others.
UPDATE hookwire.outbox SET seq = DEFAULT WHERE seq <= 0 OR seq > 4611686018427387904;
ALTER TABLE hookwire.outbox ADD CONSTRAINT outbox_seq CHECK (seq > 0 AND seq <= 4611686018427387904);
