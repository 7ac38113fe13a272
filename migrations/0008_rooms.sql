-- What a conversation's room is called, and whether its end has been told there.
ALTER TABLE sessions
    -- The letters and digits by which staff name the conversation. NULL until its room is about to be made, and where
    -- a server of the release before has made it.
    ADD COLUMN code text,
    -- When the room was told that the conversation has expired. It counts while it is younger than `active_at`.
    ADD COLUMN expiry_told_at timestamptz;
CREATE UNIQUE INDEX sessions_code ON sessions (code);

-- Open conversations, and those whose expiry has yet to be told.
CREATE INDEX sessions_to_expire ON sessions (active_at)
    WHERE closed_at IS NULL AND NOT emptied AND (expiry_told_at IS NULL OR expiry_told_at < active_at);

-- Whether anybody but the bot was ever in the room. Nobody was in one that was left because it was encrypted.
ALTER TABLE former_rooms ADD COLUMN was_seen boolean NOT NULL DEFAULT true;

-- The kinds are those that the server reads (`storage::outbox`). A server of the release before leaves one that it does
-- not know to a server that does.
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check;

-- When staff are to be told that the visitor has gone to another page.
ALTER TABLE sessions ADD COLUMN details_due_at timestamptz;
CREATE INDEX sessions_details_due ON sessions (details_due_at) WHERE details_due_at IS NOT NULL;

-- The event that says who the visitor is and where they are, in the session's room. It is edited when that changes.
CREATE TABLE details_notices (
    session_id      uuid PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    room_id         text NOT NULL,
    event_id        text NOT NULL,
    -- SHA-256 of what it says now. NULL when that is not known: then it is edited in any case.
    told            bytea
);

-- The staff, as the server that started last was configured. All servers follow it, so that servers with differing
-- configurations, as there are while one is rolled out, do not undo each other's work.
CREATE TABLE configured_staff (
    user_id         text PRIMARY KEY
);

-- Not on the staff any more, and to be removed from the room.
ALTER TABLE staff_members ADD COLUMN unwanted boolean NOT NULL DEFAULT false;
CREATE INDEX staff_members_unwanted ON staff_members (due_at) WHERE unwanted;
