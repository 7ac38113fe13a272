-- Mails to visitors who have left: where to, what waits, and the codes by which they come back.

-- Up to which of the conversation's entries the visitor is known to have fetched what staff wrote, by its seq. It only
-- grows. Recorded where the server mails replies. Without an index, so that writing it changes no index.
ALTER TABLE sessions ADD COLUMN fetched_seq bigint;

-- Where replies that nobody fetches are mailed.
CREATE TABLE mail_addresses (
    session_id      uuid PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    -- Names the address in the links of mails, and does not come back when the address is changed.
    id              uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    address         text NOT NULL,
    -- A keyed hash of it, which is all that is left where it is counted.
    address_digest  bytea NOT NULL,
    -- In which language mails are written.
    language        text NOT NULL,
    -- Up to which entry replies were mailed, by its seq.
    mailed_seq      bigint NOT NULL DEFAULT 0,
    -- When the mail server last refused a mail, or a mail was given up.
    failed_at       timestamptz,
    -- The mail server has refused the address for good.
    is_refused      boolean NOT NULL DEFAULT false
);
CREATE INDEX mail_addresses_failed ON mail_addresses (failed_at) WHERE failed_at IS NOT NULL;

-- Whose owner has stopped the mails of a conversation, by keyed hashes.
CREATE TABLE mail_stops (
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    address_digest  bytea NOT NULL,
    PRIMARY KEY (session_id, address_digest)
);

-- What is to be mailed: written in the transaction of the first reply that waits. One mail is about all that wait.
CREATE TABLE mails (
    -- Also the mail's Message-ID: a repeated mail is the same one.
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id      uuid NOT NULL UNIQUE REFERENCES sessions ON DELETE CASCADE,
    waiting_since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts        integer NOT NULL DEFAULT 0,
    first_tried_at  timestamptz,
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- When `due_at` was set.
    delayed_at      timestamptz,
    -- While it lies ahead, some server is mailing it.
    leased_until    timestamptz
);

-- Mails that the mail server has accepted, for the limits: kept for a day.
CREATE TABLE mails_sent (
    sent_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    address_digest  bytea NOT NULL
);
CREATE INDEX mails_sent_session ON mails_sent (session_id, sent_at);
CREATE INDEX mails_sent_address ON mails_sent (address_digest, sent_at);
CREATE INDEX mails_sent_time ON mails_sent (sent_at);

-- The codes that were mailed. A code goes with the address that it was mailed to.
CREATE TABLE resume_codes (
    code_digest     bytea PRIMARY KEY,
    address_id      uuid NOT NULL REFERENCES mail_addresses (id) ON DELETE CASCADE,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at         timestamptz,
    -- The idempotency key under which it was used, as a digest.
    key_digest      bytea
);
CREATE INDEX resume_codes_address ON resume_codes (address_id);
CREATE INDEX resume_codes_session ON resume_codes (session_id);
CREATE INDEX resume_codes_key ON resume_codes (key_digest) WHERE key_digest IS NOT NULL;
CREATE INDEX resume_codes_age ON resume_codes (created_at);
