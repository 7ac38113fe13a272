-- A recovery after a part was restored from a backup (`matrix-support-chat recover`). One that was interrupted goes on with
-- the conversations that are left.
CREATE TABLE recoveries (
    restored        text PRIMARY KEY CHECK (restored IN ('postgres', 'homeserver')),
    began_at        timestamptz NOT NULL DEFAULT now()
);

-- The conversations whose rooms have yet to be compared with the database.
CREATE TABLE recovery_rooms (
    restored        text NOT NULL REFERENCES recoveries ON DELETE CASCADE,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    PRIMARY KEY (restored, session_id)
);
CREATE INDEX recovery_rooms_session ON recovery_rooms (session_id);

-- Of a reply whose event the homeserver has lost: its room was told of it again.
ALTER TABLE matrix_events ADD COLUMN retold_at timestamptz;
