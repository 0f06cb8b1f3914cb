-- The fence of the last lease of an ordered delivery. The delivery is leased as long as this equals `fence`, because every end of a
-- lease raises `fence`. So a released or resent delivery can be distinguished from a leased one.
ALTER TABLE hookwire_delivery ADD COLUMN leased_fence INTEGER;

UPDATE hookwire_delivery SET leased_fence = fence
WHERE order_key IS NOT NULL AND state = 0 AND due < 9223372036854775807 AND fence > 0
    AND (last_fence IS NULL OR fence <> last_fence + 1);

-- Failures are few, so this index costs almost nothing, and a list of them does not read everything that was delivered.
CREATE INDEX hookwire_failed ON hookwire_delivery (id) WHERE state = 2;
