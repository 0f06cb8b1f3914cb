-- Notes that help to find a fault.
CREATE TABLE hookwire_note (
    seq INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    content TEXT NOT NULL
) STRICT;

CREATE INDEX hookwire_note_subject ON hookwire_note (subject);
CREATE INDEX hookwire_note_at ON hookwire_note (at);
