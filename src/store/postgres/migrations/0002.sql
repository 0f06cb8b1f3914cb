-- Which workers live, so that they share what each endpoint allows.
CREATE TABLE hookwire.worker (
    id uuid PRIMARY KEY,
    crew text NOT NULL,
    -- Unless it says more.
    ends bigint NOT NULL
);
