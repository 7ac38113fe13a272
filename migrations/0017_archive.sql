-- Rooms of ended conversations that the bot leaves or has left, so that its sync and everybody's list of rooms do not grow
-- with what is over.
CREATE TABLE archived_rooms (
    room_id         text PRIMARY KEY,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    -- `leaving`: people are being removed; `archived`: the bot has left; `returning`: the bot is being brought back;
    -- `back`: the bot is in the room again.
    state           text NOT NULL DEFAULT 'leaving' CHECK (state IN ('leaving', 'archived', 'returning', 'back')),
    -- Since when it has this state.
    changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Whether the archivist is in the room, who can bring the bot back.
    has_archivist   boolean NOT NULL DEFAULT false,
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- When `due_at` was set, by the same clock.
    delayed_at      timestamptz,
    leased_until    timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    last_error      text
);
CREATE INDEX archived_rooms_session ON archived_rooms (session_id);
CREATE INDEX archived_rooms_due ON archived_rooms (due_at) WHERE state IN ('leaving', 'returning');
