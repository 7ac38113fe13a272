-- New sessions are counted by one statement that commits by itself. A server that stops, or a commit that waits
-- for a standby, therefore never keeps the lock of the count. Servers of the release before go on using the table
-- as they did; while both run, the limits may be exceeded by what is counted at the same moment.
ALTER TABLE session_starts
    -- What was counted: the digest of a creation's idempotency key, or random bytes without one. A creation
    -- that is repeated while the first attempt is under way is counted once. The count is taken back when
    -- every one of its attempts has failed.
    ADD COLUMN request bytea,
    ADD COLUMN attempts integer,
    -- Keyed hashes, as of the address: of its /56 (IPv6 only), and of its /48 (IPv4: /24).
    ADD COLUMN near_digest bytea,
    ADD COLUMN wide_digest bytea;
CREATE INDEX session_starts_near ON session_starts (near_digest, started_at) WHERE near_digest IS NOT NULL;
CREATE INDEX session_starts_wide ON session_starts (wide_digest, started_at) WHERE wide_digest IS NOT NULL;

-- Proofs of work that have let somebody in: each is good once. Kept until some time after it expires.
CREATE TABLE used_proofs (
    challenge       bytea PRIMARY KEY,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX used_proofs_age ON used_proofs (expires_at);

-- Counts one more session, or says why not. `refuse_at` and `limits` are of the address, the near network, the wide
-- network, and all; NULL where there is no such limit. From `proof_from` of a limit on, a proof is asked for.
--
-- outcome: `counted`; `refused`, with the place in `refuse_at` of the longest wait and that wait in seconds; or
-- `proof_required`, with the pressure: the count as a multiple of the limit that is nearest.
CREATE FUNCTION count_session_start(
    new_request bytea,
    new_address bytea,
    new_near bytea,
    new_wide bytea,
    refuse_at bigint[],
    limits bigint[],
    proof_from float8,
    -- The challenge that was solved, until when it is good, and up to which pressure.
    proof bytea,
    proof_expires_at timestamptz,
    proof_good_below float8,
    -- The caller's clock.
    caller_time timestamptz,
    OUT outcome text,
    OUT refused_by integer,
    OUT wait_seconds float8,
    OUT pressure float8
) LANGUAGE plpgsql AS $$
DECLARE
    -- A clock that was set back leaves starts in the future. Those beyond what clocks usually correct are forgotten.
    margin CONSTANT interval := '1 minute';
    period CONSTANT interval := '1 hour';
    counts bigint[];
    reopens_at timestamptz;
    wait float8;
BEGIN
    -- Until the statement ends, which is its commit: that waits for no disk and for no standby.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- The number says nothing.
    PERFORM pg_advisory_xact_lock(8319679514845279330);

    DELETE FROM session_starts
    WHERE started_at <= clock_timestamp() - period OR started_at > clock_timestamp() + margin;

    UPDATE session_starts SET attempts = attempts + 1
    WHERE address_digest = new_address AND request = new_request;
    IF FOUND THEN
        outcome := 'counted';
        RETURN;
    END IF;

    counts := ARRAY[
        (SELECT count(*) FROM session_starts WHERE address_digest = new_address),
        (SELECT count(*) FROM session_starts WHERE near_digest = new_near),
        (SELECT count(*) FROM session_starts WHERE wide_digest = new_wide),
        (SELECT count(*) FROM session_starts)
    ];

    FOR i IN 1..4 LOOP
        IF counts[i] >= refuse_at[i] THEN
            -- The oldest that still counts has to turn an hour old first.
            reopens_at := period + CASE i
                WHEN 1 THEN (SELECT started_at FROM session_starts WHERE address_digest = new_address
                             ORDER BY started_at DESC OFFSET refuse_at[1] - 1 LIMIT 1)
                WHEN 2 THEN (SELECT started_at FROM session_starts WHERE near_digest = new_near
                             ORDER BY started_at DESC OFFSET refuse_at[2] - 1 LIMIT 1)
                WHEN 3 THEN (SELECT started_at FROM session_starts WHERE wide_digest = new_wide
                             ORDER BY started_at DESC OFFSET refuse_at[3] - 1 LIMIT 1)
                ELSE (SELECT started_at FROM session_starts
                      ORDER BY started_at DESC OFFSET refuse_at[4] - 1 LIMIT 1)
            END;
            wait := extract(epoch FROM reopens_at - clock_timestamp());
            wait := least(greatest(wait, 0), extract(epoch FROM period));
            IF wait_seconds IS NULL OR wait > wait_seconds THEN
                outcome := 'refused';
                refused_by := i;
                wait_seconds := wait;
            END IF;
        END IF;
        pressure := greatest(pressure, counts[i]::float8 / limits[i]);
    END LOOP;
    IF outcome = 'refused' THEN
        RETURN;
    END IF;

    IF pressure >= proof_from THEN
        outcome := 'proof_required';
        IF proof IS NULL OR pressure >= proof_good_below THEN
            RETURN;
        END IF;
        -- The proof's time was judged by the caller's clock. What either clock takes for good is kept.
        DELETE FROM used_proofs
        WHERE expires_at < least(clock_timestamp(), caller_time) - interval '10 minutes';
        INSERT INTO used_proofs (challenge, expires_at) VALUES (proof, proof_expires_at)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;

    INSERT INTO session_starts (request, attempts, address_digest, near_digest, wide_digest)
    VALUES (new_request, 1, new_address, new_near, new_wide);
    outcome := 'counted';
END $$;

-- One attempt of what was counted has failed for certain.
CREATE FUNCTION take_back_session_start(failed_request bytea, failed_address bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE session_starts SET attempts = attempts - 1
    WHERE address_digest = failed_address AND request = failed_request;
    DELETE FROM session_starts
    WHERE address_digest = failed_address AND request = failed_request AND attempts <= 0;
END $$;
