-- What visitors and staff may know of each other without saying it. Nothing here has an index, so that writing it
-- changes no index.
ALTER TABLE sessions
    -- When the visitor last asked for something: written in batches, so up to half a minute late. NULL where no
    -- server of this release has seen the visitor.
    ADD COLUMN seen_at timestamptz,
    -- The newest visitor's message that a member of the staff has read, by its seq. It only grows.
    ADD COLUMN read_seq bigint,
    -- The first visitor's message that the homeserver will never accept, by its seq.
    ADD COLUMN failed_seq bigint;
