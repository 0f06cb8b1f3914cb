-- Dedup: what the first request was answered, and by which group a record can be forgotten.
ALTER TABLE hookwire_dedup ADD COLUMN event_group BLOB;
ALTER TABLE hookwire_dedup ADD COLUMN content_type TEXT;
ALTER TABLE hookwire_dedup ADD COLUMN body BLOB;
CREATE INDEX hookwire_dedup_group ON hookwire_dedup (event_group) WHERE event_group IS NOT NULL;
