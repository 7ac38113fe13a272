//! Rows in quarantine.

use std::iter;

use clap::Parser;
use server::{
    cli::quarantine::{Command, run},
    storage::quarantine::{
        self, KeptEvent, News, Row, close_gap, due, forget_old, is_refusal, of_room, set_aside,
        totals,
    },
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::shares;

const ROOM: &str = "!room:localhost";

fn event(n: usize) -> KeptEvent {
    KeptEvent {
        event_id: format!("${n}"),
        json: format!(r#"{{"event_id":"${n}","nul":"\u0000"}}"#),
    }
}

fn news<'a>(from: &'a str, to: &'a str, events: Vec<KeptEvent>) -> News<'a> {
    News {
        room_id: ROOM,
        session_id: None,
        reason: "a reason",
        gap_from: None,
        events,
        from: Some(from),
        to,
    }
}

async fn put(pool: &PgPool, news: &News<'_>) {
    let mut db = shares(pool).relay.acquire().await.unwrap();
    set_aside(&mut db, news).await.unwrap();
}

async fn rows(pool: &PgPool) -> Vec<Row> {
    of_room(pool, ROOM, 10_000).await.unwrap()
}

fn gap(row: &Row) -> (Option<&str>, Option<&str>) {
    (row.gap_from.as_deref(), row.gap_to.as_deref())
}

async fn say(pool: &PgPool, statement: &'static str) {
    sqlx::query(statement).execute(pool).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_room_s_rows_are_in_order_and_bounded(pool: PgPool) {
    let mut first = news("s0", "s1", (0..2).map(event).collect());
    first.gap_from = Some("p1");
    put(&pool, &first).await;
    let waiting = rows(&pool).await;
    assert_eq!(gap(&waiting[0]), (Some("p1"), Some("s0")));
    let events: Vec<_> = waiting.iter().filter_map(|row| row.event.clone()).collect();
    assert_eq!(events, [event(0).json, event(1).json]);

    put(&pool, &news("s1", "s2", (2..1_000).map(event).collect())).await;
    assert_eq!(rows(&pool).await.len(), 1_001);
    // No more rows are kept, because the room's history has the events.
    put(&pool, &news("s7", "s8", vec![event(2_000)])).await;
    put(&pool, &news("s8", "s9", vec![event(2_001)])).await;
    let waiting = rows(&pool).await;
    assert_eq!(waiting.len(), 1_002);
    let last = waiting.last().unwrap();
    assert_eq!(gap(last), (Some("s9"), Some("s7")));
    // More was recorded while the history was read.
    put(&pool, &news("s9", "s10", vec![event(2_002)])).await;
    close_gap(&pool, last.id, "s9").await.unwrap();
    assert_eq!(
        gap(rows(&pool).await.last().unwrap()),
        (Some("s10"), Some("s9"))
    );
    close_gap(&pool, last.id, "s10").await.unwrap();
    assert_eq!(rows(&pool).await.len(), 1_001);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_room_is_due_with_its_first_row_whatever_the_clock_said(pool: PgPool) {
    put(&pool, &news("s1", "s2", (0..2).map(event).collect())).await;
    assert_eq!(due(&pool, 9).await.unwrap(), [ROOM]);
    say(
        &pool,
        "UPDATE quarantine SET due_at = now() + interval '4 min' WHERE event_id = '$0'",
    )
    .await;
    assert!(
        due(&pool, 9).await.unwrap().is_empty(),
        "the second waits behind the first"
    );
    say(
        &pool,
        "UPDATE quarantine SET due_at = now() + interval '1 year'",
    )
    .await;
    assert_eq!(due(&pool, 9).await.unwrap(), [ROOM]);
}

#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[sqlx::test(migrations = "../migrations")]
async fn an_operator_sees_what_is_set_aside_and_decides_about_it(pool: PgPool) {
    let run = async |command: &str| {
        let words = iter::once("quarantine").chain(command.split(' '));
        let CommandLine { command } = CommandLine::try_parse_from(words).unwrap();
        let mut out = Vec::new();
        let ended = run(&shares(&pool).relay, &command, &mut out).await;
        (String::from_utf8(out).unwrap(), ended)
    };
    let told = async |command: &str| {
        let (out, ended) = run(command).await;
        ended.unwrap();
        out
    };
    assert_eq!(told("list").await, "Nothing is set aside.\n");
    put(&pool, &news("s1", "s2", (0..3).map(event).collect())).await;
    say(
        &pool,
        "UPDATE quarantine SET given_up_at = now(), reason = E'two\nlines' WHERE event_id = '$1'",
    )
    .await;
    let listed = told("list").await;
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(
        lines[0].contains(" waiting ") && lines[0].contains("$0: a reason"),
        "{listed}"
    );
    assert!(
        lines[1].contains(" given up ") && lines[1].ends_with(r"$1: two\nlines"),
        "{listed}"
    );
    let id = rows(&pool).await[0].id;
    // A mistyped id is an error, and does not stop the others.
    let (out, ended) = run(&format!("drop {id} 99999")).await;
    assert_eq!((out.as_str(), ended.is_err()), ("1 thrown away.\n", true));
    let (out, ended) = run("retry 99999").await;
    assert_eq!(
        (out.as_str(), ended.is_err()),
        ("0 will be tried again at once.\n", true)
    );
    assert_eq!(told("retry all").await, "2 will be tried again at once.\n");
    let totals = totals(&pool).await.unwrap();
    assert_eq!((totals.rooms, totals.waiting, totals.given_up), (1, 2, 0));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_was_given_up_goes_with_its_conversation(pool: PgPool) {
    let session_id = Uuid::new_v4();
    say(&pool, "INSERT INTO sessions (id) SELECT gen_random_uuid()").await;
    let living: Uuid = sqlx::query_scalar("SELECT id FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    for (n, session_id) in [session_id, living].into_iter().enumerate() {
        let mut news = news("s1", "s2", vec![event(n)]);
        news.session_id = Some(session_id);
        put(&pool, &news).await;
    }
    forget_old(&pool).await.unwrap();
    assert_eq!(rows(&pool).await.len(), 2, "what waits is not old");
    say(&pool, "UPDATE quarantine SET given_up_at = now()").await;
    forget_old(&pool).await.unwrap();
    let kept = quarantine::list(&pool).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].session_id, Some(living));
    say(&pool, "UPDATE sessions SET emptied = true").await;
    forget_old(&pool).await.unwrap();
    assert!(quarantine::list(&pool).await.unwrap().is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_refusal_is_told_from_a_fault(pool: PgPool) {
    for (statement, refused) in [
        ("SELECT 1 / 0", true),
        (
            "INSERT INTO outbox (session_id, kind) VALUES (gen_random_uuid(), 'details')",
            true,
        ),
        ("DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", true),
        (
            "INSERT INTO matrix_events (event_id, session_id) SELECT string_agg(md5(n::text), ''),
          gen_random_uuid() FROM generate_series(1, 1000) n",
            true,
        ),
        ("SELECT * FROM nothing", false),
        ("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", false),
        ("DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$", false),
        ("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$", false),
    ] {
        let error = sqlx::query(statement).execute(&pool).await.unwrap_err();
        assert_eq!(is_refusal(&error), refused, "{statement}: {error}");
    }
    assert!(!is_refusal(&sqlx::Error::PoolTimedOut));
}
