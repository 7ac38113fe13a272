-- What a visitor says of a conversation, and whom a website vouches for.

-- How the visitor rates the conversation. A newer rating takes the place of the one before.
CREATE TABLE ratings (
    session_id      uuid PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    rating          text NOT NULL CHECK (rating IN ('good', 'bad')),
    -- In the visitor's own words, until the session is emptied.
    comment         text,
    -- The event that tells the session's room of it, which is edited when the rating changes; NULL before there is one.
    room_id         text,
    event_id        text,
    -- SHA-256 of what that event says now. NULL when it is not known: then it is edited in any case.
    told            bytea,
    CHECK ((room_id IS NULL) = (event_id IS NULL))
);

-- Visitors for whom their website vouches, until the session is emptied.
CREATE TABLE session_identities (
    session_id      uuid PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    -- A keyed hash of the website's key and its name for the visitor: neither can be read back.
    digest          bytea NOT NULL,
    name            text,
    email           text
);
CREATE INDEX session_identities_digest ON session_identities (digest);
