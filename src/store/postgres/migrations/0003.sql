-- Dedup: what the first request was answered, and by which group a record can be forgotten.
ALTER TABLE hookwire.dedup ADD COLUMN event_group bytea, ADD COLUMN content_type text, ADD COLUMN body bytea;
CREATE INDEX dedup_by_group ON hookwire.dedup (event_group) WHERE event_group IS NOT NULL;
