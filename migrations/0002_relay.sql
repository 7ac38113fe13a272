-- The staff in each conversation's room. Each is invited alone, so that one who cannot be invited
-- keeps nobody else waiting.
CREATE TABLE staff_members (
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    user_id         text NOT NULL,
    -- `wanted`: still to be invited. `left`: declined, left, or was put out.
    membership      text NOT NULL CHECK (membership IN ('wanted', 'invited', 'joined', 'left')),
    -- Invitations that failed since the person was last wanted.
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- When `due_at` was set.
    delayed_at      timestamptz NOT NULL DEFAULT now(),
    -- While it lies ahead, some server is inviting the person.
    leased_until    timestamptz,
    -- The homeserver's errcode for the last invitation that failed.
    last_error      text,
    PRIMARY KEY (session_id, user_id)
);
CREATE INDEX staff_members_wanted ON staff_members (due_at) WHERE membership = 'wanted';

-- Rooms that their sessions no longer use: the bot is not in them any more, or they are encrypted. A
-- session never gets such a room back.
CREATE TABLE former_rooms (
    room_id         text PRIMARY KEY,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    left_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX former_rooms_session ON former_rooms (session_id, left_at);

-- A `recap` whose two ids are empty tells a new room what was said in the former ones. A server of the
-- release before cannot compose it and leaves it to one of this release.
ALTER TABLE outbox
    -- When `due_at` was set by a delay.
    ADD COLUMN delayed_at timestamptz,
    -- `room_asked_at` by the clock of the server that asked.
    ADD COLUMN room_asked_own timestamptz;

-- Whether a queued row may be claimed. A time that lies further ahead than any server ever sets it comes
-- from a clock that was wrong, and holds nothing up. `delayed_at` says so to the second: it can never lie
-- ahead of a clock that is right.
CREATE FUNCTION is_claimable(
    due_at timestamptz, delayed_at timestamptz, leased_until timestamptz,
    longest_delay interval, longest_lease interval
) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (due_at <= now() OR due_at > now() + longest_delay OR coalesce(delayed_at > now() + interval '5 s', false))
    AND (leased_until IS NULL OR leased_until <= now() OR leased_until > now() + longest_lease);

-- Whether members of the staff are still to be invited to a conversation: while it is open, and for a week after
-- its end when nobody of them was ever there to read it. It has ended only by both clocks, Postgres' and the caller's.
CREATE FUNCTION needs_staff(
    session uuid, closed_at timestamptz, active_at timestamptz, session_ttl interval, caller_time timestamptz
) RETURNS boolean LANGUAGE sql STABLE
RETURN (closed_at IS NULL AND active_at > least(now(), caller_time) - session_ttl)
    OR (active_at > least(now(), caller_time) - session_ttl - interval '7 days'
        AND NOT EXISTS (SELECT FROM staff_members
                        WHERE session_id = session AND membership IN ('invited', 'joined')));
