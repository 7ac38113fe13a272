-- What operators do at the command line, and erasures at the homeserver that retention asks for.

ALTER TABLE sessions
    -- When the removal of the conversation from the homeserver was last queued. NULL where nobody has asked for it since
    -- the conversation was last emptied.
    ADD COLUMN homeserver_erasure_at timestamptz;

-- What operators have done. Rows have no text of a visitor or of staff, and are kept for a year.
CREATE TABLE administrations (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    done_at         timestamptz NOT NULL DEFAULT now(),
    -- The account of the operating system.
    operator        text NOT NULL,
    -- The command, as `sessions close`.
    action          text NOT NULL,
    -- What it was done to. No foreign key: the record outlives the conversation.
    session_id      uuid,
    -- When a server wrote it into its log.
    logged_at       timestamptz
);
CREATE INDEX administrations_unlogged ON administrations (id) WHERE logged_at IS NULL;
CREATE INDEX administrations_age ON administrations (done_at);
