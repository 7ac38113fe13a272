//! The clock of the test in Postgres, and everything that both sides store.

use chrono::{DateTime, Utc};
use sqlx::{ConnectOptions, PgPool};

use super::super::Database;

/// Makes every statement ask `test_clock` for the time, which stands still until the test sets it. Column defaults and
/// functions of the schema were bound to Postgres' own clock when they were created, so they are created again.
const CLOCK_OF_THE_TEST: &str = "
    CREATE TEMPORARY TABLE definition AS
        SELECT pg_get_functiondef(oid) AS text FROM pg_proc WHERE proname IN ('is_claimable', 'needs_staff');
    CREATE SCHEMA test_clock;
    CREATE TABLE test_clock.clock (at timestamptz NOT NULL);
    INSERT INTO test_clock.clock VALUES (to_timestamp(0));
    CREATE FUNCTION test_clock.now() RETURNS timestamptz LANGUAGE sql STABLE
        RETURN (SELECT at FROM test_clock.clock);
    CREATE FUNCTION test_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
        RETURN (SELECT at FROM test_clock.clock);
    SET search_path = test_clock, pg_catalog, public;
    DO $$
    DECLARE definition text; changed record;
    BEGIN
        FOR definition IN SELECT text FROM pg_temp.definition LOOP
            EXECUTE definition;
        END LOOP;
        FOR changed IN SELECT table_name, column_name FROM information_schema.columns
                       WHERE table_schema = 'public' AND column_default LIKE '%now()' LOOP
            EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET DEFAULT now()', changed.table_name, changed.column_name);
        END LOOP;
        EXECUTE format('ALTER DATABASE %I SET search_path = test_clock, pg_catalog, public', current_database());
    END $$;
    -- As in the model.
    ALTER TABLE outbox ALTER COLUMN position SET INCREMENT BY 10 SET START WITH 10;";

/// Everything that is stored, one line for each fact.
pub(super) const STORED: &str = "
    SELECT format('outbox %s %s %s due %s delayed %s leased %s asked %s %s', session_id, position, attempts,
                  seconds(due_at), seconds(delayed_at), seconds(leased_until), seconds(room_asked_at),
                  seconds(room_asked_own)) FROM outbox
    UNION ALL SELECT format('session %s %s', id, room_id) FROM sessions
    UNION ALL SELECT format('message %s %s', id, delivery) FROM messages
    UNION ALL SELECT format('event %s %s', event_id, session_id) FROM matrix_events
    UNION ALL SELECT format('former room %s %s %s', room_id, session_id, seconds(left_at)) FROM former_rooms
    UNION ALL SELECT format('details %s %s %s', session_id, room_id, event_id) FROM details_notices
    UNION ALL SELECT format('member %s %s %s %s due %s delayed %s leased %s', session_id, user_id, initcap(membership),
                  attempts, seconds(due_at), seconds(delayed_at), seconds(leased_until)) FROM staff_members";

/// The same as [`STORED`] for the model.
pub(super) fn stored(database: &Database) -> Vec<String> {
    let tables = &database.tables;
    let seconds =
        |at: Option<DateTime<Utc>>| at.map_or(String::new(), |at| at.timestamp().to_string());
    let mut lines = Vec::new();
    for row in &tables.outbox {
        lines.push(format!(
            "outbox {} {} {} due {} delayed {} leased {} asked {} {}",
            row.session_id,
            row.position,
            row.attempts,
            seconds(Some(row.due_at)),
            seconds(row.delayed_at),
            seconds(row.leased_until),
            seconds(row.room_asked_at),
            seconds(row.room_asked_own),
        ));
    }
    for (id, session) in &tables.sessions {
        let room_id = session.subject.room_id.as_deref().unwrap_or_default();
        lines.push(format!("session {id} {room_id}"));
        let messages = session.messages.iter();
        lines
            .extend(messages.map(|message| format!("message {} {}", message.id, message.delivery)));
    }
    for (event_id, session_id) in &tables.sent {
        lines.push(format!("event {event_id} {session_id}"));
    }
    for (room_id, former) in &tables.former_rooms {
        let left_at = seconds(Some(former.left_at));
        lines.push(format!(
            "former room {room_id} {} {left_at}",
            former.session_id
        ));
    }
    for (session_id, (room_id, event_id, _)) in &tables.details {
        lines.push(format!("details {session_id} {room_id} {event_id}"));
    }
    for ((session_id, user_id), member) in &tables.members {
        lines.push(format!(
            "member {session_id} {user_id} {:?} {} due {} delayed {} leased {}",
            member.membership,
            member.attempts,
            seconds(Some(member.due_at)),
            seconds(member.delayed_at),
            seconds(member.leased_until),
        ));
    }
    lines.sort_unstable();
    lines
}

const SECONDS: &str = "
    CREATE FUNCTION public.seconds(timestamptz) RETURNS bigint LANGUAGE sql
        RETURN extract(epoch FROM $1)::bigint";

/// Gives Postgres the clock of the test, and the function that [`STORED`] uses.
pub(super) async fn prepare(pool: &PgPool) {
    let mut connection = pool.connect_options().connect().await.unwrap();
    for statements in [CLOCK_OF_THE_TEST, SECONDS] {
        sqlx::raw_sql(statements)
            .execute(&mut connection)
            .await
            .unwrap();
    }
}
