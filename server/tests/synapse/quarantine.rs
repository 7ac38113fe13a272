//! One room's fault stops no other, and loses nothing of its own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{
    cli::quarantine::{Command, Which, run},
    storage::Shares,
};
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{
    common::{self, TestApp, Visitor},
    gateway::Gateway,
    homeserver::{Account, PATIENCE, Team, wait_for_messages, wait_until},
};

fn staff_texts(messages: &[Value]) -> Vec<String> {
    let texts = messages.iter().filter(|it| it["sender"] == "staff");
    texts
        .map(|message| message["body"].as_str().unwrap().to_owned())
        .collect()
}

/// Polls until the visitor is shown exactly these texts of staff.
async fn wait_for_texts(visitor: &Visitor<'_>, texts: &[&str]) {
    let shown = wait_until(visitor, |messages| {
        staff_texts(messages).len() >= texts.len()
    })
    .await;
    assert_eq!(staff_texts(&shown), texts);
}

async fn metric(app: &TestApp, name: &str) -> f64 {
    app.metrics().await[&format!("support_chat_{name}")]
}

async fn wait_for_metric(app: &TestApp, name: &str, value: f64) {
    let deadline = Instant::now() + PATIENCE;
    while metric(app, name).await.to_bits() != value.to_bits() {
        assert!(Instant::now() < deadline, "{name} never was {value}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Two conversations, with alice in the rooms of both.
async fn two_visitors<'a>(team: &mut Team, app: &'a TestApp) -> [(Visitor<'a>, String); 2] {
    let first = app.visitor("Hello").await;
    let first_room = team.alice.accept().await;
    let second = app.visitor("Hello").await;
    let rooms = |alice: &Account| alice.invitations() > 1;
    team.alice
        .wait_for("the second room", |alice| rooms(alice).then_some(()))
        .await;
    let second_room = team.alice.accept().await;
    [(first, first_room), (second, second_room)]
}

/// The events of a room in an answer to `/sync`.
fn events<'a>(answer: &'a mut Value, room_id: &str) -> Option<&'a mut Vec<Value>> {
    let rooms = answer.pointer_mut("/rooms/join")?;
    let timeline = rooms.get_mut(room_id)?.get_mut("timeline")?;
    timeline.get_mut("events")?.as_array_mut()
}

#[sqlx::test(migrations = "../migrations")]
async fn an_edit_of_an_event_with_an_endless_id_stops_nobody(pool: PgPool) {
    let mut team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    let [(first, first_room), (second, second_room)] = two_visitors(&mut team, &app).await;
    let original = team.alice.say(&first_room, "before").await;
    wait_for_texts(&first, &["before"]).await;
    // This Synapse would not take it; others do.
    let room_id = first_room.clone();
    gateway.alter(move |answer| {
        let mut events = events(answer, &room_id).into_iter().flatten();
        let edited = events.find_map(|it| it.pointer_mut("/content/m.relates_to/event_id"));
        let endless = format!("${}", "a".repeat(8 * 1024));
        edited.map(|of| *of = endless.into()).is_some()
    });
    let edit = json!({
        "msgtype": "m.text", "body": "* new", "m.new_content": {"msgtype": "m.text", "body": "new"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": original},
    });
    team.alice.send(&first_room, edit).await;
    team.alice.say(&first_room, "after it").await;
    team.alice.say(&second_room, "elsewhere").await;
    wait_for_texts(&first, &["before", "after it"]).await;
    wait_for_texts(&second, &["elsewhere"]).await;
    wait_for_metric(&app, "quarantined_rooms", 0.0).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_session_that_was_deleted_by_hand_stops_nobody(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let [(first, first_room), (second, second_room)] = two_visitors(&mut team, &app).await;
    team.alice.say(&first_room, "before").await;
    wait_for_texts(&first, &["before"]).await;
    sqlx::query("DELETE FROM sessions WHERE room_id = $1")
        .bind(&first_room)
        .execute(&pool)
        .await
        .unwrap();
    for n in 0..2 {
        team.alice.say(&first_room, &format!("nobody's {n}")).await;
        team.alice
            .say(&second_room, &format!("elsewhere {n}"))
            .await;
    }
    wait_for_texts(&second, &["elsewhere 0", "elsewhere 1"]).await;
    wait_for_metric(&app, "quarantined_rooms", 0.0).await;
    assert_eq!(first.poll(None).await.status(), 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_room_whose_history_cannot_be_read_waits_alone_and_misses_nothing(pool: PgPool) {
    // More than one sync brings of a room.
    const MISSED: usize = 130;
    let mut team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let through = [("MATRIX_HOMESERVER_URL", url.as_str())];
    let app = team.serve(&pool, &through).await;
    let [(first, first_room), (second, second_room)] = two_visitors(&mut team, &app).await;
    team.alice.say(&first_room, "before").await;
    wait_for_texts(&first, &["before"]).await;
    let sessions = [&first, &second].map(|visitor| {
        json!({
            "sessionId": visitor.session_id, "token": visitor.token,
            "messageId": visitor.first_message_id,
        })
    });
    app.stop().await;

    // An account that no limit on people slows down.
    let writer = Team::new().await.bot;
    team.alice.invite(&first_room, &writer.user_id).await;
    writer.join(&first_room).await;
    let missed: Vec<String> = (0..MISSED).map(|n| format!("missed {n}")).collect();
    for text in &missed {
        writer.say(&first_room, text).await;
    }
    gateway.fail(Some(format!("/rooms/{first_room}/messages")));
    let app = team.serve(&pool, &through).await;
    let [first, second] = sessions.map(|created| Visitor::from_creation(&app, created));
    wait_for_metric(&app, "quarantined_rooms", 1.0).await;
    for n in 0..3 {
        let asked = Instant::now();
        writer.say(&first_room, &format!("behind {n}")).await;
        team.alice
            .say(&second_room, &format!("elsewhere {n}"))
            .await;
        wait_until(&second, |messages| staff_texts(messages).len() > n).await;
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
    }
    wait_for_texts(&second, &["elsewhere 0", "elsewhere 1", "elsewhere 2"]).await;
    let waiting = "quarantined_events{state=\"waiting\"}";
    wait_for_metric(&app, waiting, 104.0).await;
    wait_for_texts(&first, &["before"]).await;

    gateway.fail(None);
    wait_for_metric(&app, "quarantined_rooms", 0.0).await;
    writer.say(&first_room, "after").await;
    let mut all = first.messages(None).await;
    while all.last().is_none_or(|message| message["body"] != "after") {
        let newest = all.last().map(|it| it["id"].as_str().unwrap().to_owned());
        all.extend(first.messages(newest.as_deref()).await);
    }
    let behind = (0..3).map(|n| format!("behind {n}"));
    let mut expected = vec!["before".to_owned()];
    expected.extend(missed.into_iter().chain(behind));
    expected.push("after".to_owned());
    assert_eq!(staff_texts(&all), expected);
    assert!(metric(&app, "rooms_set_aside_total").await > 0.0);
}

/// Postgres refuses the text `poison`.
async fn poison(pool: &PgPool) {
    for statement in [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW
         WHEN (NEW.body = 'poison') EXECUTE FUNCTION refuse()",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
}

async fn told(pool: &PgPool, command: Command) -> String {
    let mut out = Vec::new();
    let shares = Shares::new(&common::config(pool, &[]).database);
    run(&shares.relay, &command, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn an_event_that_cannot_be_stored_is_given_up_alone_and_can_be_had_back(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let [(first, first_room), (second, second_room)] = two_visitors(&mut team, &app).await;
    poison(&pool).await;
    for text in ["one", "poison", "two"] {
        team.alice.say(&first_room, text).await;
    }
    team.alice.say(&second_room, "elsewhere").await;
    wait_for_texts(&second, &["elsewhere"]).await;
    wait_for_metric(&app, "quarantined_rooms", 1.0).await;
    wait_for_texts(&first, &["one"]).await;
    team.alice.say(&first_room, "three").await;
    let waiting = "quarantined_events{state=\"waiting\"}";
    wait_for_metric(&app, waiting, 3.0).await;
    let listed = told(&pool, Command::List).await;
    assert!(
        listed.contains("poisoned") && listed.contains("waiting"),
        "{listed}"
    );
    assert!(!listed.contains("three"), "not what was said: {listed}");

    // As if eight minutes had passed.
    sqlx::query("UPDATE quarantine SET attempts = 7, due_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    wait_for_texts(&first, &["one", "two", "three"]).await;
    let given_up = "quarantined_events{state=\"given_up\"}";
    wait_for_metric(&app, given_up, 1.0).await;
    wait_for_metric(&app, "quarantined_rooms", 0.0).await;
    wait_for_metric(&app, "set_aside_given_up_total", 1.0).await;

    sqlx::query("DROP TRIGGER refuse ON messages")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        told(
            &pool,
            Command::Retry {
                which: vec![Which::All]
            }
        )
        .await,
        "1 will be tried again at once.\n"
    );
    wait_for_texts(&first, &["one", "two", "three", "poison"]).await;
    wait_for_metric(&app, given_up, 0.0).await;
    assert_eq!(told(&pool, Command::List).await, "Nothing is set aside.\n");
}

#[sqlx::test(migrations = "../migrations")]
async fn news_that_cannot_be_read_are_read_from_the_room_s_history(pool: PgPool) {
    let mut team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    team.alice.say(&room_id, "one").await;
    wait_for_messages(&visitor, 2).await;
    let broken = room_id.clone();
    gateway.alter(move |answer| {
        let Some(events) = events(answer, &broken) else {
            return false;
        };
        events[0] = json!({ "no": "event" });
        answer["rooms"]["join"][&broken]["timeline"]["limited"] = json!("no flag");
        true
    });
    team.alice.say(&room_id, "two").await;
    team.alice.say(&room_id, "three").await;
    wait_for_texts(&visitor, &["one", "two", "three"]).await;
}
