-- One conversation of a website visitor. The row's lock orders everything in the conversation.
CREATE TABLE sessions (
    id              uuid PRIMARY KEY,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- The last message of either side: the session's lifetime counts from here.
    active_at       timestamptz NOT NULL DEFAULT now(),
    closed_at       timestamptz,
    -- The newest message's seq; advanced under this row's lock, so that no cursor can skip.
    last_seq        bigint NOT NULL DEFAULT 0,
    -- NULL until the homeserver has made the room.
    room_id         text UNIQUE,
    source_url      text,
    page_title      text,
    visitor_name    text,
    visitor_email   text,
    -- Its messages were deleted, as the retention time asks.
    emptied         boolean NOT NULL DEFAULT false
);

-- For the retention job.
CREATE INDEX sessions_to_empty ON sessions (active_at) WHERE NOT emptied;

-- Argon2id hashes of bearer tokens. Several, since a replayed creation is given a new token: the
-- first one cannot be shown again.
CREATE TABLE session_tokens (
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    token_hash      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX session_tokens_session ON session_tokens (session_id);

-- What a poll shows. Rows are added and never changed, but for `delivery`.
CREATE TABLE messages (
    id              uuid PRIMARY KEY,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    seq             bigint NOT NULL,
    sender          text NOT NULL CHECK (sender IN ('visitor', 'staff')),
    body            text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    delivery        text CHECK (delivery IN ('pending', 'delivered', 'failed')),
    replaces        uuid REFERENCES messages ON DELETE CASCADE,
    removed         boolean NOT NULL DEFAULT false,
    UNIQUE (session_id, seq),
    CHECK ((sender = 'visitor') = (delivery IS NOT NULL))
);
CREATE INDEX messages_replaces ON messages (replaces) WHERE replaces IS NOT NULL;

-- What the homeserver has yet to be told, written in the transaction of the data it is about.
CREATE TABLE outbox (
    -- Also the Matrix transaction id, for ever: a repeated send is the same event.
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- The order within a session: given under the session's lock.
    position        bigint GENERATED ALWAYS AS IDENTITY,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('create_room', 'details', 'message', 'notice', 'recap')),
    -- For `message`.
    message_id      uuid REFERENCES messages ON DELETE CASCADE,
    -- For `notice`: its text.
    body            text,
    -- For `recap`: the join it answers, and who joined.
    join_event_id   text,
    joined_user_id  text,
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- While it lies ahead, some server is sending this row.
    leased_until    timestamptz,
    -- For `create_room`: when the homeserver was asked for a room and did not answer; it may be at
    -- work on it still.
    room_asked_at   timestamptz,
    CHECK ((kind = 'message') = (message_id IS NOT NULL)),
    CHECK ((kind = 'notice') = (body IS NOT NULL)),
    CHECK ((kind = 'recap') = (join_event_id IS NOT NULL AND joined_user_id IS NOT NULL))
);
CREATE INDEX outbox_session_order ON outbox (session_id, position);

-- Matrix events that were sent or handled: what came once is never taken in twice.
CREATE TABLE matrix_events (
    event_id        text PRIMARY KEY,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    -- Of a staff message: only its author may edit it. Kept on the server's side.
    sender          text,
    -- The newest entry with the event's text. NULL when it was redacted, and when retention has deleted
    -- the entry: the event stays known.
    message_id      uuid REFERENCES messages ON DELETE SET NULL,
    -- Of an edit: the event whose text it replaced.
    edits           text
);
CREATE INDEX matrix_events_edits ON matrix_events (edits) WHERE edits IS NOT NULL;
CREATE INDEX matrix_events_session ON matrix_events (session_id);
CREATE INDEX matrix_events_message ON matrix_events (message_id) WHERE message_id IS NOT NULL;

-- The bot's position in /sync: the single row is written in the transaction of what the sync brought.
CREATE TABLE sync_position (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    -- NULL before the first sync.
    since           text,
    synced_at       timestamptz
);
INSERT INTO sync_position DEFAULT VALUES;

-- The bot's access token, when the servers log in with a password: one log-in for all of them, since
-- logging in again on the same device ends the one before.
CREATE TABLE bot_log_in (
    user_id         text PRIMARY KEY,
    -- Encrypted with a key that is derived from the password, which the database does not know.
    salt            bytea NOT NULL,
    nonce           bytea NOT NULL,
    sealed_token    bytea NOT NULL
);

-- When conversations began, for the throttle before rooms are made: kept for an hour.
CREATE TABLE session_starts (
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- A keyed hash: whose address it was cannot be read back.
    address_digest  bytea NOT NULL
);
CREATE INDEX session_starts_address ON session_starts (address_digest, started_at);
CREATE INDEX session_starts_time ON session_starts (started_at);

-- Which request a key stood for. Keys are kept as digests: one that was used to create a session
-- can fetch a token for it.
CREATE TABLE idempotency_keys (
    -- The session; the nil UUID for creations, whose keys are compared among all clients.
    scope           uuid NOT NULL,
    operation       text NOT NULL CHECK (operation IN ('create_session', 'send_message')),
    key_digest      bytea NOT NULL,
    request_digest  bytea NOT NULL,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    message_id      uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, operation, key_digest)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at) WHERE operation = 'create_session';
CREATE INDEX idempotency_keys_session ON idempotency_keys (session_id);
CREATE INDEX idempotency_keys_message ON idempotency_keys (message_id);
