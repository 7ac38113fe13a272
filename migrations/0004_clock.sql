-- The newest time that was ever seen, advanced in bounded steps: what is deleted for its age must be old by this
-- clock too. So a clock that is wrong for a minute, be it Postgres' or a server's, deletes next to nothing.
CREATE TABLE clock (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    newest          timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When a server last tried whether commits are answered.
    probed_at       timestamptz
);
INSERT INTO clock DEFAULT VALUES;
