-- Conversations that their visitors have asked to be mailed to them.
CREATE TABLE transcript_mails (
    -- Also the mail's Message-ID: a repeated mail is the same one.
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    -- The IANA name of the zone in which times are written.
    time_zone       text NOT NULL,
    asked_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The idempotency key of the request, as a digest.
    key_digest      bytea,
    -- When it was accepted, or given up. The row is kept for a day after it was asked for, for the limits and the key.
    done_at         timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    first_tried_at  timestamptz,
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- When `due_at` was set.
    delayed_at      timestamptz,
    -- While it lies ahead, some server is mailing it.
    leased_until    timestamptz
);
CREATE INDEX transcript_mails_session ON transcript_mails (session_id, asked_at);
CREATE INDEX transcript_mails_waiting ON transcript_mails (asked_at) WHERE done_at IS NULL;
CREATE INDEX transcript_mails_age ON transcript_mails (asked_at) WHERE done_at IS NOT NULL;
