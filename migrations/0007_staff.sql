-- What staff write, and what becomes of it.
ALTER TABLE matrix_events
    -- Why no visitor may get it, nor what answers or edits it: `staff`, it is between staff; `command`, it was one. NULL where
    -- nothing is against it.
    ADD COLUMN internal text CHECK (internal IN ('staff', 'command')),
    -- The first event of the thread that it is in: an answer belongs there, too.
    ADD COLUMN thread_root text;

-- Of a `notice`: the event that it answers, whose sender it mentions. A server of the release before sends such a notice
-- without the reference.
ALTER TABLE outbox ADD COLUMN answers_event_id text;

-- What staff were told in a room, where once is enough: in a room, or since a moment such as the visitor's last request.
CREATE TABLE staff_told (
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    -- Empty before there is one.
    room_id         text NOT NULL,
    what            text NOT NULL,
    told_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (session_id, room_id, what)
);

-- The keyed hash of the address that the conversation was begun from, until the session is emptied.
ALTER TABLE sessions ADD COLUMN address_digest bytea;

-- Addresses, as keyed hashes, from which no conversation can be begun.
CREATE TABLE blocked_addresses (
    address_digest  bytea PRIMARY KEY,
    blocked_until   timestamptz NOT NULL
);
CREATE INDEX blocked_addresses_age ON blocked_addresses (blocked_until);
