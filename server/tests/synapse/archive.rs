//! The archive: the rooms of conversations that ended long ago.

use std::time::Duration;

use futures_util::FutureExt;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use crate::{
    common::{TestApp, Visitor, expect},
    gateway::Gateway,
    homeserver::{Account, PATIENCE, Team, wait_for_messages, wait_until},
};

/// The variables that give the archive an account.
fn archive<'a>(archivist: &'a Account, after: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("SUPPORT_CHAT_ARCHIVE_AFTER", after),
        ("MATRIX_SUPPORT_ARCHIVIST_MXID", &archivist.user_id),
        (
            "MATRIX_SUPPORT_ARCHIVIST_ACCESS_TOKEN",
            &archivist.access_token,
        ),
    ]
}

/// A conversation that staff have answered.
async fn answered<'a>(app: &'a TestApp, team: &mut Team, text: &str) -> (Visitor<'a>, String) {
    let before = team.alice.invitations();
    let visitor = app.visitor(text).await;
    let is_new = |alice: &Account| (alice.invitations() > before).then_some(());
    team.alice.wait_for("another invitation", is_new).await;
    let room_id = team.alice.accept().await;
    let reply = format!("An answer to {text}");
    team.alice.say(&room_id, &reply).await;
    wait_for_messages(&visitor, 2).await;
    (visitor, room_id)
}

/// The state of the room's row, once it is this.
async fn wait_for_state(pool: &PgPool, room_id: &str, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state: Option<String> =
            sqlx::query_scalar("SELECT state FROM archived_rooms WHERE room_id = $1")
                .bind(room_id)
                .fetch_optional(pool)
                .await
                .unwrap();
        if state.as_deref() == Some(wanted) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{room_id} is {state:?} and not {wanted}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// The people who are in the room or invited to it, and the levels of those who have one, as the account sees it.
async fn people(account: &Account, room_id: &str) -> (Vec<String>, Value) {
    let state = account.state(room_id).await;
    let mut people = Vec::new();
    let mut levels = Value::Null;
    for event in state {
        let membership = &event["content"]["membership"];
        if event["type"] == "m.room.member" && (membership == "join" || membership == "invite") {
            people.push(event["state_key"].as_str().unwrap().to_owned());
        }
        if event["type"] == "m.room.power_levels" {
            levels = event["content"]["users"].clone();
        }
    }
    people.sort();
    (people, levels)
}

async fn open_by_code(team: &mut Team, pool: &PgPool, desk: &str, room_id: &str) -> String {
    let code: String = sqlx::query_scalar("SELECT code FROM sessions WHERE room_id = $1")
        .bind(room_id)
        .fetch_one(pool)
        .await
        .unwrap();
    let command = team.alice.say(desk, &format!("!open {code}")).await;
    team.alice.wait_for_answer(&command).await
}

#[sqlx::test(migrations = "../migrations")]
async fn a_room_is_left_to_the_archivist_and_opened_again(pool: PgPool) {
    let mut team = Team::new().await;
    let archivist = Account::register("archivist").await;
    let app = team.serve(&pool, &archive(&archivist, "1s")).await;
    let desk = team.alice.accept_desk().await;
    let (visitor, room_id) = answered(&app, &mut team, "Hello").await;
    // Who still talks stays where they are.
    let (_other, open) = answered(&app, &mut team, "I go on").await;
    assert_eq!(visitor.close().await.status(), 204);

    wait_for_state(&pool, &room_id, "archived").await;
    let (people_there, levels) = people(&archivist, &room_id).await;
    assert_eq!(people_there, std::slice::from_ref(&archivist.user_id));
    assert_eq!(levels[&archivist.user_id], 100);
    for account in [&team.bot, &team.alice, &team.bob] {
        let rooms = account
            .ok(Method::GET, "/_matrix/client/v3/joined_rooms", None)
            .await;
        let rooms = rooms["joined_rooms"].as_array().unwrap();
        assert!(!rooms.contains(&json!(room_id)), "{}", account.user_id);
    }
    let (people_there, _) = people(&team.alice, &open).await;
    assert!(people_there.contains(&team.bot.user_id));

    // `!open` brings back the bot and the staff.
    let answer = open_by_code(&mut team, &pool, &desk, &room_id).await;
    assert!(answer.starts_with("You are invited: "), "{answer}");
    team.alice.join(&room_id).await;
    let (mut wanted, now) = (
        vec![
            team.bot.user_id.clone(),
            team.alice.user_id.clone(),
            team.bob.user_id.clone(),
            archivist.user_id.clone(),
        ],
        people(&team.alice, &room_id).await.0,
    );
    wanted.sort();
    assert_eq!(now, wanted);

    // The conversation goes on, and nothing that was said before is said again.
    let reopen = team.alice.say(&room_id, "!reopen").await;
    team.alice.wait_for_answer(&reopen).await;
    expect(visitor.send("One more thing").await, 201).await;
    team.alice.say(&room_id, "Of course").await;
    let said = wait_for_messages(&visitor, 4).await;
    let bodies: Vec<_> = said.iter().map(|it| it["body"].as_str().unwrap()).collect();
    assert_eq!(
        bodies,
        ["Hello", "An answer to Hello", "One more thing", "Of course"]
    );
    let told = team.alice.bodies(&room_id, "m.text");
    let complaints = told.iter().filter(|body| body.contains("not shown"));
    assert_eq!(complaints.count(), 0, "{told:?}");

    // Ended once more, it is archived once more.
    assert_eq!(visitor.close().await.status(), 204);
    wait_for_state(&pool, &room_id, "archived").await;
    assert_eq!(
        people(&archivist, &room_id).await.0,
        std::slice::from_ref(&archivist.user_id)
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn an_erasure_and_a_rating_reach_an_archived_room(pool: PgPool) {
    let mut team = Team::new().await;
    let archivist = Account::register("archivist").await;
    let app = team.serve(&pool, &archive(&archivist, "1s")).await;
    let (visitor, room_id) = answered(&app, &mut team, "Zebra").await;
    assert_eq!(visitor.close().await.status(), 204);
    wait_for_state(&pool, &room_id, "archived").await;

    let rated = visitor
        .request(Method::PUT, "/rating")
        .json(&json!({ "rating": "good" }))
        .send();
    assert_eq!(rated.await.unwrap().status(), 204);
    // The archivist cannot read what was said before it came, and Alice not what is said after she was removed.
    let path = format!("/_matrix/client/v3/rooms/{room_id}/messages?dir=b&limit=200");
    let reads = async |account: &Account, text: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let page = account.ok(Method::GET, &path, None).await.to_string();
            if page.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "{text}: {page}");
            sleep(Duration::from_millis(100)).await;
        }
    };
    reads(&team.alice, "Zebra").await;
    reads(&archivist, "rated").await;
    wait_for_state(&pool, &room_id, "archived").await;

    let erased = visitor.request(Method::DELETE, "").send().await.unwrap();
    assert_eq!(erased.status(), 204);
    let replies_stay = |page: &str| page.replace("An answer to Zebra", "");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = team.alice.ok(Method::GET, &path, None).await.to_string();
        if !replies_stay(&page).contains("Zebra") {
            break;
        }
        assert!(Instant::now() < deadline, "{page}");
        sleep(Duration::from_millis(100)).await;
    }
    wait_for_state(&pool, &room_id, "archived").await;
}

/// Each request that the archive makes fails once; the work goes on where it stopped.
#[sqlx::test(migrations = "../migrations")]
async fn a_failure_at_any_step_loses_no_room(pool: PgPool) {
    let mut team = Team::new().await;
    let archivist = Account::register("archivist").await;
    let gateway = Gateway::new(|_| async {}.boxed()).await;
    let url = gateway.url();
    let mut vars = archive(&archivist, "1s");
    vars.push(("MATRIX_HOMESERVER_URL", &url));
    let app = team.serve(&pool, &vars).await;
    let desk = team.alice.accept_desk().await;
    let mut rooms = Vec::new();
    for step in [
        "/invite",
        "/join",
        "m.room.power_levels",
        "/kick",
        "/leave",
        "/forget",
    ] {
        let (visitor, room_id) = answered(&app, &mut team, step).await;
        wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
        gateway.refuse_next(step);
        assert_eq!(visitor.close().await.status(), 204);
        wait_for_state(&pool, &room_id, "archived").await;
        let (people_there, _) = people(&archivist, &room_id).await;
        assert_eq!(
            people_there,
            std::slice::from_ref(&archivist.user_id),
            "{step}"
        );
        rooms.push(room_id);
    }
    for (step, room_id) in ["/invite", "/join"].into_iter().zip(&rooms) {
        gateway.refuse_next(step);
        let answer = open_by_code(&mut team, &pool, &desk, room_id).await;
        assert!(answer.starts_with("You are invited"), "{step}: {answer}");
        let (people_there, _) = people(&team.bot, room_id).await;
        assert!(people_there.contains(&team.alice.user_id), "{step}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn without_an_archivist_only_the_bot_leaves(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team
        .serve(&pool, &[("SUPPORT_CHAT_ARCHIVE_AFTER", "1s")])
        .await;
    let desk = team.alice.accept_desk().await;
    let (visitor, room_id) = answered(&app, &mut team, "Hello").await;
    assert_eq!(visitor.close().await.status(), 204);
    wait_for_state(&pool, &room_id, "archived").await;
    let (people_there, _) = people(&team.alice, &room_id).await;
    assert!(people_there.contains(&team.alice.user_id));
    assert!(!people_there.contains(&team.bot.user_id));
    let answer = open_by_code(&mut team, &pool, &desk, &room_id).await;
    assert!(answer.contains("not in that conversation"), "{answer}");
}
