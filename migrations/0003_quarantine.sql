-- What came from a room and could not be taken in: it is tried again, for that room alone, while all others
-- go on. A room's rows are in the order of its history.
CREATE TABLE quarantine (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id         text NOT NULL,
    -- NULL while it is not known whose room it is. No foreign key: what is set aside is stored whatever
    -- becomes of the session.
    session_id      uuid,
    -- An event, as JSON. Not jsonb, which cannot hold all that JSON can.
    event_id        text,
    event           text,
    -- Or a part of the history that could not be read: from here, the newest, back to there; without
    -- gap_to, back to the beginning.
    gap_from        text,
    gap_to          text,
    -- Why it is here.
    reason          text NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    set_aside_at    timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- It is kept, and not tried any more unless somebody asks for it.
    given_up_at     timestamptz,
    CHECK ((event IS NULL) <> (gap_from IS NULL)),
    CHECK ((event IS NULL) = (event_id IS NULL))
);
CREATE INDEX quarantine_waiting ON quarantine (room_id, id) WHERE given_up_at IS NULL;

-- Whether the event answers another: an edit of it may begin with what is answered. NULL where it was taken
-- in before this was recorded.
ALTER TABLE matrix_events ADD COLUMN reply boolean;
