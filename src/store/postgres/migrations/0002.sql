-- The live workers, so that they share the limits of each endpoint.
CREATE TABLE hookwire.worker (
    id uuid PRIMARY KEY,
    crew text NOT NULL,
    -- Unless it says more.
    ends bigint NOT NULL
);
