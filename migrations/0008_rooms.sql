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
