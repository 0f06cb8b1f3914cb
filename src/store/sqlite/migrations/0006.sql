-- Numbers outside of the valid range: a row with one of them could not be imported, and the highest one would leave no number for others.
CREATE TRIGGER hookwire_outbox_seq AFTER INSERT ON hookwire_outbox
WHEN NEW.seq <= 0 OR NEW.seq > 4611686018427387904
BEGIN
    SELECT RAISE(ABORT, 'hookwire_outbox: seq is given by the table; leave it out');
END;
