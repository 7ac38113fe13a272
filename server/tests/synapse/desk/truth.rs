//! Whatever happens, lines become true in the end.

use serde_json::json;
use sqlx::PgPool;

use super::{begin, lines, wait_for_line};
use crate::{
    gateway::Gateway,
    homeserver::{Account, Team, wait_until},
};

async fn execute(pool: &PgPool, statement: &'static str) {
    sqlx::raw_sql(statement).execute(pool).await.unwrap();
}

/// Enough conversations to make an hour busy. They have no texts, so the desk has no lines for
/// them.
const BUSY: &str = "INSERT INTO sessions (id) SELECT gen_random_uuid() FROM generate_series(1, 50)";

#[sqlx::test(migrations = "../migrations")]
async fn in_a_busy_hour_the_end_of_a_short_conversation_is_shown(pool: PgPool) {
    execute(&pool, BUSY).await;
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    let visitor = begin(&app, "Ada", "Hello").await;
    let line = wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    let room = team.alice.accept().await;
    team.alice.say(&room, "Hello, Ada.").await;
    wait_for_line(&mut team.alice, &desk, "Answered by alice").await;
    visitor.close().await;
    assert_eq!(
        wait_for_line(&mut team.alice, &desk, "Left: Ada").await,
        line
    );
    // The same holds for later changes.
    team.alice.say(&room, "!reopen").await;
    wait_for_line(&mut team.alice, &desk, "Answered by alice").await;
    team.alice.say(&room, "!close").await;
    wait_for_line(&mut team.alice, &desk, "Ended: Ada").await;
    // The line, and one event for each change.
    assert_eq!(lines(&team.alice, &desk).len(), 1);
    assert_eq!(team.alice.events(&desk).len(), 5);
}

/// The homeserver has accepted the edit, but the answer is lost. By then the conversation is in the
/// state that the line showed before.
#[sqlx::test(migrations = "../migrations")]
async fn an_edit_whose_answer_was_lost_is_not_taken_for_one_that_was_not_made(pool: PgPool) {
    let mut team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let vars = [
        ("MATRIX_HOMESERVER_URL", url.as_str()),
        ("SUPPORT_CHAT_UNANSWERED_AFTER", "1h"),
    ];
    let app = team.serve(&pool, &vars).await;
    let desk = team.alice.accept_desk().await;
    let visitor = begin(&app, "Ada", "Hello").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    let room = team.alice.accept().await;
    team.alice.say(&room, "Hello, Ada.").await;
    wait_for_line(&mut team.alice, &desk, "Answered by alice").await;
    visitor.send("And now?").await;
    wait_until(&visitor, |messages| {
        messages.len() == 3 && messages[2]["delivery"] == "delivered"
    })
    .await;
    app.stop().await;

    // As if the visitor had been waiting for two minutes, which is what the next server's first
    // edit says.
    execute(
        &pool,
        "UPDATE messages SET created_at = created_at - interval '2 minutes'",
    )
    .await;
    gateway.alter(|answer| {
        let is_sent = answer["event_id"].is_string();
        if is_sent {
            *answer = json!("lost");
        }
        is_sent
    });
    let _app = team.serve(&pool, &vars).await;
    wait_for_line(&mut team.alice, &desk, "Waiting again (last reply: alice").await;
    team.alice.say(&room, "Now, too.").await;
    wait_for_line(&mut team.alice, &desk, "Answered by alice").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn what_happens_while_no_server_runs_is_shown_by_the_next(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    begin(&app, "Ada", "Hello").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    let room = team.alice.accept().await;
    team.alice.say(&room, "!close").await;
    wait_for_line(&mut team.alice, &desk, "Ended without a reply: Ada").await;
    begin(&app, "Bea", "Hello").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Bea").await;
    app.stop().await;

    // An hour ago Ada ended an open conversation, and Bea had already ended hers. Ada's line is out
    // of date.
    execute(
        &pool,
        "UPDATE desk_lines SET shown_at = shown_at - interval '2 hours';
         UPDATE sessions SET closed_at = now() - interval '1 hour', active_at = active_at - interval '2 hours'",
    )
    .await;
    let _app = team.serve(&pool, &[]).await;
    for name in ["Ada", "Bea"] {
        let left = format!("Left without a reply: {name}");
        wait_for_line(&mut team.alice, &desk, &left).await;
    }
}

/// The line is in a room that nobody sees any more.
#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_that_goes_on_after_the_desk_was_lost_has_a_line_in_the_new_one(
    pool: PgPool,
) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let old = team.alice.accept_desk().await;
    begin(&app, "Ada", "Hello").await;
    wait_for_line(&mut team.alice, &old, "Waiting: Ada").await;
    let room = team.alice.accept().await;
    team.alice.say(&room, "!close").await;
    wait_for_line(&mut team.alice, &old, "Ended without a reply: Ada").await;
    super::leave(&team.bot, &old).await;
    let invited = |alice: &Account| {
        let desks = alice.invited_to_desks();
        desks.iter().find(|desk| **desk != old).cloned()
    };
    let desk = team.alice.wait_for("another desk", invited).await;
    team.alice.join(&desk).await;
    team.alice.say(&room, "!reopen").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
}
