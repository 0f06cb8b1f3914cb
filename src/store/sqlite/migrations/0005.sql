-- Dedup records in the order in which they were made. Their digests are random: because the rows are not ordered by digest,
-- a begin writes one page of the index of digests, and finishing, ending or deleting a record writes none.
ALTER TABLE hookwire_dedup RENAME TO hookwire_dedup_before;
DROP INDEX hookwire_dedup_ends;
DROP INDEX hookwire_dedup_group;

CREATE TABLE hookwire_dedup (
    seq INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    fence INTEGER NOT NULL,
    status INTEGER, -- NULL while it is being handled
    ends INTEGER NOT NULL, -- the lease, or when it is forgotten
    event_group BLOB, -- NULL where there is none, or where the key begins with it
    content_type TEXT,
    body BLOB
) STRICT;

INSERT INTO hookwire_dedup (key, fence, status, ends, event_group, content_type, body)
SELECT key, fence, status, ends, event_group, content_type, body FROM hookwire_dedup_before ORDER BY ends;
DROP TABLE hookwire_dedup_before;

CREATE UNIQUE INDEX hookwire_dedup_key ON hookwire_dedup (key);
CREATE INDEX hookwire_dedup_group ON hookwire_dedup (event_group) WHERE event_group IS NOT NULL;
