//! The commands that staff give in the desk.

use serde_json::json;
use sqlx::PgPool;

use super::{answers, begin, body, leave, membership, wait_for_answer, wait_for_line};
use crate::homeserver::{Team, wait_until};

#[sqlx::test(migrations = "../migrations")]
async fn commands_are_carried_out_and_answered(pool: PgPool) {
    let mut team = Team::new().await;
    let vars = [("SUPPORT_CHAT_TIME_ZONE", "Europe/Berlin")];
    let app = team.serve(&pool, &vars).await;
    let desk = team.alice.accept_desk().await;
    begin(&app, "Ada", "Hello").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    let code: String = sqlx::query_scalar("SELECT code FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();

    let mut ask = async |text: &str| {
        let command = team.alice.say(&desk, text).await;
        let answer = wait_for_answer(&mut team.alice, &desk, &command).await;
        let content = &answer["content"];
        assert_eq!(content["msgtype"], "m.text");
        let mentions = json!({ "user_ids": [team.alice.user_id] });
        assert_eq!(content["m.mentions"], mentions);
        body(content).to_owned()
    };
    assert!(ask("!help").await.contains("!open CODE"));
    assert!(ask("!dance").await.contains("!open CODE"));
    let unknown = ask("!open ZZZZZ").await;
    assert_eq!(unknown, "There is no conversation ZZZZZ.");
    let known = ask(&format!("!open {}", code.to_lowercase())).await;
    assert!(
        known.starts_with("You are invited to this room already: Ada"),
        "{known}"
    );
    assert!(ask("!away later").await.starts_with("Until when?"));
    let away = ask("!away 14:00").await;
    assert!(away.contains(" 14:00 (Europe/Berlin)"), "{away}");
    let until: String = sqlx::query_scalar(
        "SELECT to_char(away_until AT TIME ZONE 'Europe/Berlin', 'HH24:MI') FROM staff_absence",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(until, "14:00");
    assert_eq!(ask("!back").await, "Back.");
    assert_eq!(ask("!back").await, "Nobody was away.");
    let stats = ask("!stats").await;
    assert!(
        stats.contains("Today – conversations: 1; unanswered: 1"),
        "{stats}"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn whoever_has_left_a_conversation_is_let_in_again(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    begin(&app, "Ada", "Hello").await;
    let room = team.alice.accept().await;
    leave(&team.alice, &room).await;
    let code: String = sqlx::query_scalar("SELECT code FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    let command = team.alice.say(&desk, &format!("!open {code}")).await;
    let answer = wait_for_answer(&mut team.alice, &desk, &command).await;
    let content = &answer["content"];
    assert!(
        body(content).starts_with("You are invited: Ada"),
        "{content}"
    );
    let html = content["formatted_body"].as_str().unwrap();
    assert!(
        html.contains(&format!("https://matrix.to/#/{room}?via=")),
        "{html}"
    );
    let alice = &team.alice.user_id;
    assert_eq!(membership(&team.bot, &room, alice).await, "invite");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_sync_that_is_seen_twice_carries_a_command_out_once(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    let first = team.alice.say(&desk, "!back").await;
    wait_for_answer(&mut team.alice, &desk, &first).await;
    // There is a conversation but no sync position, so all rooms are read from their beginning.
    begin(&app, "Ada", "Hello").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    app.stop().await;
    sqlx::query("UPDATE sync_position SET since = NULL")
        .execute(&pool)
        .await
        .unwrap();
    let _app = team.serve(&pool, &[]).await;
    let second = team.alice.say(&desk, "!help").await;
    wait_for_answer(&mut team.alice, &desk, &second).await;
    assert_eq!(answers(&team.alice, &desk, &first).len(), 1);
    let taken: i64 = sqlx::query_scalar("SELECT count(*) FROM desk_events")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(taken, 2);
}

/// The trigger simulates any refusal by Postgres.
#[sqlx::test(migrations = "../migrations")]
async fn a_command_that_is_refused_stops_nothing_else_and_is_carried_out_later(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    let visitor = begin(&app, "Ada", "Hello").await;
    let room = team.alice.accept().await;
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'poison'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON staff_absence FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .execute(&pool)
    .await
    .unwrap();
    let poison = team.alice.say(&desk, "!back").await;
    let other = team.alice.say(&desk, "!help").await;
    team.alice.say(&room, "Hello, visitor.").await;
    wait_for_answer(&mut team.alice, &desk, &other).await;
    wait_until(&visitor, |messages| messages.len() == 2).await;
    assert!(answers(&team.alice, &desk, &poison).is_empty());
    sqlx::raw_sql("DROP TRIGGER refuse ON staff_absence")
        .execute(&pool)
        .await
        .unwrap();
    let answer = wait_for_answer(&mut team.alice, &desk, &poison).await;
    assert_eq!(body(&answer["content"]), "Nobody was away.");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_colleagues_say_to_each_other_is_not_answered(pool: PgPool) {
    let mut team = Team::new().await;
    let _app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    let chat = team.alice.say(&desk, "Shall we ask for !help?").await;
    let edit = json!({
        "msgtype": "m.text", "body": "* !help",
        "m.new_content": { "msgtype": "m.text", "body": "!help" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": chat },
    });
    let edit = team.alice.send(&desk, edit).await;
    let command = team.alice.say(&desk, "!help").await;
    wait_for_answer(&mut team.alice, &desk, &command).await;
    assert!(answers(&team.alice, &desk, &chat).is_empty());
    assert!(answers(&team.alice, &desk, &edit).is_empty());
}
