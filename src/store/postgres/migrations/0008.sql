-- Notes that help to find a fault.
CREATE TABLE hookwire.note (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    content text NOT NULL
);

CREATE INDEX note_subject ON hookwire.note (subject, seq);
CREATE INDEX note_at ON hookwire.note (at);
