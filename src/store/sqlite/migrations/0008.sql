-- Failed and cancelled deliveries are few, so these indexes cost almost nothing. With them, lists and counts of such deliveries do not
-- read everything that was delivered. The first two contain the lane, so that counting reads nothing else.
DROP INDEX hookwire_failed;
CREATE INDEX hookwire_undelivered_sent ON hookwire_delivery (state, id, lane)
    WHERE state IN (2, 3) AND length(lane) = 16;
CREATE INDEX hookwire_undelivered_received ON hookwire_delivery (state, id, lane)
    WHERE state IN (2, 3) AND length(lane) <> 16;
CREATE INDEX hookwire_undelivered_lane ON hookwire_delivery (lane, state) WHERE state IN (2, 3);

-- The disabled endpoints, whose pending deliveries are shown as held.
CREATE INDEX hookwire_endpoint_disabled ON hookwire_endpoint (state) WHERE state = 1;
