-- Which store this is: a process that has opened it notices when another one stands in its place, or when it is being restored.
ALTER TABLE hookwire.schema ADD COLUMN identity uuid NOT NULL DEFAULT gen_random_uuid();

-- Numbers that nobody was given: a row under one of them could not be taken in, and a high one would leave none for others.
UPDATE hookwire.outbox SET seq = DEFAULT WHERE seq <= 0 OR seq > 4611686018427387904;
ALTER TABLE hookwire.outbox ADD CONSTRAINT outbox_seq CHECK (seq > 0 AND seq <= 4611686018427387904);
