-- Numbers that nobody was given: a row under one of them could not be taken in, and the highest one would leave none for others.
CREATE TRIGGER hookwire_outbox_seq AFTER INSERT ON hookwire_outbox
WHEN NEW.seq <= 0 OR NEW.seq > 4611686018427387904
BEGIN
    SELECT RAISE(ABORT, 'hookwire_outbox: seq is given by the table; leave it out');
END;
