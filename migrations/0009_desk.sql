-- The desk: the room in which staff have a line for each conversation.

-- The rooms that are, or once were, the desk.
CREATE TABLE desk_rooms (
    room_id         text PRIMARY KEY,
    -- Since when this database knows it.
    found_at        timestamptz NOT NULL DEFAULT now(),
    -- The bot is not in it any more, or the homeserver had encrypted it: it never becomes the desk again.
    left_at         timestamptz
);
CREATE UNIQUE INDEX desk_rooms_current ON desk_rooms ((true)) WHERE left_at IS NULL;

-- When the homeserver was asked for a desk and did not answer, by Postgres' clock and by the clock of the server
-- that asked. The homeserver may still be at work on that room.
CREATE TABLE desk_request (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    asked_at        timestamptz,
    asked_own       timestamptz
);
INSERT INTO desk_request DEFAULT VALUES;

-- The line of each conversation.
CREATE TABLE desk_lines (
    session_id      uuid PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    -- The desk that it stands in.
    room_id         text NOT NULL,
    -- NULL until the homeserver has accepted it.
    event_id        text,
    -- A digest of what it shows; NULL when that is not known for certain, and it is then edited.
    shown           bytea,
    -- It shows that the conversation is over.
    is_over         boolean NOT NULL DEFAULT false,
    edits           integer NOT NULL DEFAULT 0,
    -- The newest waiting period of which the desk was told aloud: the seq of the last text of staff before it, 0
    -- when there was none.
    rung            bigint
);
CREATE INDEX desk_lines_open ON desk_lines (session_id) WHERE NOT is_over;

-- What the bot has yet to say in the desk. A row leaves the table when the homeserver has accepted it.
CREATE TABLE desk_messages (
    -- Also the Matrix transaction id. Of a line it is the session's id.
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    position        bigint GENERATED ALWAYS AS IDENTITY,
    -- The desk that it is for: the answer to a command means nothing in another.
    room_id         text NOT NULL,
    -- `line`: the line of a conversation. `ring`: that it is not answered. `alert`: what staff have to know.
    -- `answer`: the answer to a command. `open`, `stats`: the same, once the invitation was made or the figures
    -- are known.
    kind            text NOT NULL CHECK (kind IN ('line', 'ring', 'alert', 'answer', 'open', 'stats')),
    session_id      uuid REFERENCES sessions ON DELETE CASCADE,
    -- Of `ring`: the waiting period, as in `desk_lines.rung`.
    period          bigint,
    -- Of `alert` and `answer`: the text.
    body            text,
    -- The event that it answers, and whoever sent that.
    reply_to        text,
    asked_by        text,
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- When `due_at` was set.
    delayed_at      timestamptz,
    CHECK ((kind IN ('line', 'ring', 'open')) = (session_id IS NOT NULL)),
    CHECK ((kind = 'ring') = (period IS NOT NULL)),
    CHECK ((kind IN ('alert', 'answer')) = (body IS NOT NULL)),
    CHECK ((kind IN ('answer', 'open', 'stats')) = (asked_by IS NOT NULL))
);
CREATE INDEX desk_messages_session ON desk_messages (session_id) WHERE session_id IS NOT NULL;

-- Commands that were carried out: a sync that is seen twice carries none of them out again.
CREATE TABLE desk_events (
    event_id        text PRIMARY KEY,
    taken_at        timestamptz NOT NULL DEFAULT now()
);

-- What staff were told of in the desk, so that they are told once.
CREATE TABLE desk_alerts (
    kind            text NOT NULL,
    -- Who, or which conversation.
    subject         text NOT NULL,
    told_at         timestamptz NOT NULL DEFAULT now(),
    -- When it was last so. Once it has not been so for a while, staff are told again when it is.
    seen_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, subject)
);

-- Until when staff are away, as they said themselves.
CREATE TABLE staff_absence (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    away_until      timestamptz
);
INSERT INTO staff_absence DEFAULT VALUES;

ALTER TABLE sessions
    -- When staff first answered, which outlives the messages themselves.
    ADD COLUMN first_answered_at timestamptz,
    -- The same as `closed_at` where staff have ended the conversation, and not the visitor.
    ADD COLUMN closed_by_staff_at timestamptz;
UPDATE sessions SET first_answered_at = (
    SELECT min(messages.created_at) FROM messages WHERE session_id = sessions.id AND sender = 'staff'
)
WHERE active_at > now() - interval '8 days' AND NOT emptied;

-- When the person was wanted again because the visitor wrote and nobody of the staff was there.
ALTER TABLE staff_members ADD COLUMN wanted_again_at timestamptz;

-- For the figures of the last days, and for what has ended lately.
CREATE INDEX sessions_created ON sessions (created_at);
CREATE INDEX sessions_closed ON sessions (closed_at) WHERE closed_at IS NOT NULL;
