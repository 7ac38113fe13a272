//! What is left in Matrix, and in Synapse's database, of a conversation that its visitor or an operator has had erased.

use std::{env, fs, process::Command};

use reqwest::Method;
use serde_json::{Value, json};
use server::cli::visitor::CLEAR_SYNAPSE;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    common::{TestApp, Visitor, expect},
    homeserver::{Account, Team, wait_for_messages, wait_until},
    operator::operate,
};

/// Everything that the account can read in the room: its history, and its state.
async fn everything(account: &Account, room_id: &str) -> String {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/messages?dir=b&limit=500");
    let page = account.ok(Method::GET, &path, None).await;
    let state = account.state(room_id).await;
    format!("{}{}", page["chunk"], Value::from(state))
}

/// In which tables of Synapse's database the word is: now, once Synapse has censored what was redacted, and once the
/// documented statements have run, too.
async fn tables_with(word: &str) -> Value {
    let variable = |name: &str| env::var(name).expect(name);
    let folder = env::temp_dir().join(format!("censor-{}", Uuid::new_v4()));
    fs::create_dir(&folder).unwrap();
    let mut command = Command::new(variable("SYNAPSE_PYTHON"));
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/synapse/censor.py"
        ))
        .arg(variable("SYNAPSE_CONFIGURATION"))
        .arg(&folder)
        .arg(CLEAR_SYNAPSE.join(";"))
        .arg(word);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::remove_dir_all(folder).unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A conversation whose visitor has said the word wherever they can, and its room.
async fn conversation<'a>(
    app: &'a TestApp,
    team: &mut Team,
    desk: &str,
    word: &str,
) -> (Visitor<'a>, String) {
    let creation = app.create(json!({
        "initialMessage": format!("{word} one"), "visitorName": format!("{word} ada"),
        "visitorEmail": format!("{word}@example.com"), "sourceUrl": format!("https://{word}.example/"),
        "pageTitle": format!("{word} page"),
    }));
    let visitor = Visitor::from_creation(app, expect(creation.await, 201).await);
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    team.alice.wait_for_notice(&room_id, word).await;
    let desk_line = |account: &Account| {
        let mut events = account.events(desk).into_iter();
        events.find(|event| event.to_string().contains(word))
    };
    team.alice.wait_for("the desk's line", desk_line).await;
    expect(visitor.send(&format!("{word} two")).await, 201).await;
    team.alice.say(&room_id, "An answer of staff").await;
    wait_for_messages(&visitor, 3).await;
    let rating = json!({ "rating": "good", "comment": format!("{word} three") });
    let rated = visitor.request(Method::PUT, "/rating").json(&rating);
    assert_eq!(rated.send().await.unwrap().status(), 204);
    team.alice
        .wait_for_notice(&room_id, &format!("{word} three"))
        .await;
    let path = format!("/_matrix/client/v3/rooms/{room_id}/state/m.room.name");
    let renamed = json!({ "name": format!("VIP {word}") });
    team.alice.ok(Method::PUT, &path, Some(renamed)).await;
    // Recaps quote the visitor, too.
    team.bob.join(&room_id).await;
    team.bob.wait_for_notice(&room_id, word).await;
    (visitor, room_id)
}

fn a_word() -> String {
    format!("zebra{}", &Uuid::new_v4().simple().to_string()[..12])
}

#[sqlx::test(migrations = "../migrations")]
async fn no_word_of_a_visitor_is_left_in_what_the_bot_wrote(pool: PgPool) {
    let mut team = Team::new().await;
    // Carol does not answer her invitation.
    let carol = Account::register("carol").await;
    let staff = [&team.alice, &team.bob, &carol].map(|account| &*account.user_id);
    let app = team
        .serve(&pool, &[("MATRIX_SUPPORT_STAFF_MXIDS", &*staff.join(","))])
        .await;
    let desk = team.alice.accept_desk().await;
    let word = a_word();
    let (visitor, room_id) = conversation(&app, &mut team, &desk, &word).await;
    let first_sync = async || carol.ok(Method::GET, "/_matrix/client/v3/sync", None).await;
    let shown = first_sync().await;
    assert!(shown.to_string().contains(&word), "{shown}");

    let erased = visitor.request(Method::DELETE, "").send().await.unwrap();
    assert_eq!(erased.status(), 204);
    team.alice.wait_for_notice(&room_id, "erased").await;
    for (room, what) in [(&room_id, "the room"), (&desk, "the desk")] {
        let all = everything(&team.alice, room).await;
        assert!(!all.contains(&word), "{what}: {all}");
    }
    let shown = first_sync().await;
    assert!(!shown.to_string().contains(&word), "{shown}");
    let all = everything(&team.alice, &room_id).await;
    assert!(all.contains("An answer of staff"), "{all}");

    let late = team.alice.say(&room_id, "A late answer").await;
    let answer = team.alice.wait_for_answer(&late).await;
    assert!(answer.contains("erased"), "{answer}");
    assert!(!answer.contains("!reopen"), "{answer}");
    let reopen = team.alice.say(&room_id, "!reopen").await;
    let answer = team.alice.wait_for_answer(&reopen).await;
    assert!(answer.contains("cannot go on"), "{answer}");
    let state: Option<bool> = sqlx::query_scalar("SELECT closed_at IS NOT NULL FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(state, Some(true));
}

#[sqlx::test(migrations = "../migrations")]
async fn an_operator_exports_a_visitor_s_data_and_erases_it_from_synapse_s_database(pool: PgPool) {
    let mut team = Team::new().await;
    let on = [("MATRIX_SUPPORT_DESK", "on")];
    let app = team.serve(&pool, &on).await;
    let desk = team.alice.accept_desk().await;
    let word = a_word();
    let (_visitor, room_id) = conversation(&app, &mut team, &desk, &word).await;
    let config = team.config(&pool, &on);

    let line = format!("visitor export --email {word}@example.com");
    let exported = operate(&config, &line).await.unwrap();
    let document: Value = serde_json::from_str(&exported).unwrap();
    let rooms = document["conversations"][0]["matrix"].as_array().unwrap();
    let in_room = rooms[0]["events"].as_array().unwrap();
    for (by, text) in [
        ("visitor", format!("{word} two")),
        ("staff", "An answer of staff".to_owned()),
        ("staff", format!("VIP {word}")),
    ] {
        let is_it = |event: &&Value| event["by"] == by && event["text"] == text;
        assert!(
            in_room.iter().any(|event| is_it(&event)),
            "{by} {text}: {exported}"
        );
    }
    assert_eq!(rooms[1]["room"], "the desk");
    assert!(rooms[1]["events"].to_string().contains(&word), "{exported}");
    // Who it was is nothing that the visitor gets.
    assert!(!exported.contains(&team.alice.user_id), "{exported}");

    // No server runs, and the homeserver's answer to the desk's line was lost.
    app.stop().await;
    sqlx::query("UPDATE desk_lines SET event_id = NULL")
        .execute(&pool)
        .await
        .unwrap();
    let erased = operate(
        &config,
        &format!("visitor erase --email {word}@example.com"),
    )
    .await;
    assert!(erased.unwrap().contains(&room_id));
    let _app = team.serve(&pool, &on).await;
    team.alice.wait_for_notice(&room_id, "erased").await;
    // The desk is told by the code of the conversation, in which there is nothing of the visitor.
    let told = |account: &Account| {
        let mut events = account.events(&desk).into_iter();
        events.find(|event| event.to_string().contains("visitor erase"))
    };
    team.alice.wait_for("the desk to be told", told).await;
    let tables = tables_with(&word).await;
    assert!(
        tables["before"]["event_json"].as_u64().unwrap() > 5,
        "{tables}"
    );
    assert_eq!(tables["end"], json!({}), "{tables}");
    // Only these need the operator. If this fails, Synapse clears them, too: the documents say otherwise.
    let left = tables["censored"].as_object().unwrap();
    assert_eq!(
        left.keys().collect::<Vec<_>>(),
        ["event_search", "sliding_sync_membership_snapshots"],
        "{tables}"
    );
}
