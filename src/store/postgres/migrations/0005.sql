-- Failed and cancelled deliveries are few, so these indexes cost almost nothing. With them, lists and counts of such deliveries do not
-- read everything that was delivered.
CREATE INDEX finished_undelivered_sent ON hookwire.finished (state, id) WHERE state <> 1 AND length(lane) = 16;
CREATE INDEX finished_undelivered_received ON hookwire.finished (state, id) WHERE state <> 1 AND length(lane) <> 16;
CREATE INDEX finished_undelivered_of_lane ON hookwire.finished (lane, state, id) WHERE state <> 1;

-- Deliveries that are held by decision, and the disabled endpoints, whose pending deliveries are shown as held.
CREATE INDEX delivery_held ON hookwire.delivery (lane) WHERE state = 4;
CREATE INDEX endpoint_disabled ON hookwire.endpoint (id) WHERE state = 1;
