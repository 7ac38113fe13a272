//! Staff who cannot be invited, or are not there, and rooms that the bot has lost.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use crate::{
    common::{TestApp, Visitor, expect},
    gateway::Gateway,
    homeserver::{Account, PATIENCE, Team, wait_until},
};

fn delivered(count: usize) -> impl Fn(&[Value]) -> bool {
    move |messages| {
        messages.len() == count
            && messages
                .iter()
                .all(|message| message["delivery"] == "delivered")
    }
}

async fn gauges(app: &TestApp) -> (f64, f64) {
    let metrics: BTreeMap<String, f64> = app.metrics().await;
    (
        metrics["support_chat_invitations_waiting"],
        metrics["support_chat_conversations_without_staff"],
    )
}

/// The errcodes with which invitations have failed.
async fn failed_invitations(app: &TestApp) -> Vec<String> {
    let metrics = app.metrics().await.into_iter();
    let failed = metrics
        .filter(|(_, count)| *count > 0.0)
        .filter_map(|(name, _)| {
            let errcode = name.strip_prefix("support_chat_invitations_failed_total{errcode=\"")?;
            errcode.strip_suffix("\"}").map(str::to_owned)
        });
    failed.collect()
}

async fn wait_for_gauges(app: &TestApp, wanted: (f64, f64)) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let gauges = gauges(app).await;
        if gauges == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{gauges:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// As Element's "block invites" does.
async fn block_invitations(account: &Account, action: &str) {
    let path = format!(
        "/_matrix/client/v3/user/{}/account_data/m.invite_permission_config",
        account.user_id
    );
    let config = json!({ "default_action": action });
    account.ok(Method::PUT, &path, Some(config)).await;
}

async fn leave(account: &Account, room_id: &str) {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/leave");
    account.ok(Method::POST, &path, Some(json!({}))).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_member_who_blocks_invitations_delays_nobody_and_is_invited_when_it_works(pool: PgPool) {
    let mut team = Team::new().await;
    block_invitations(&team.alice, "block").await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, delivered(1)).await;
    let room_id = team.bob.accept().await;
    team.bob.wait_for_notice(&room_id, "> Hello").await;
    assert_eq!(gauges(&app).await, (1.0, 0.0));
    assert_eq!(failed_invitations(&app).await, ["M_INVITE_BLOCKED"]);

    block_invitations(&team.alice, "allow").await;
    sqlx::query("UPDATE staff_members SET due_at = now() WHERE membership = 'wanted'")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(team.alice.accept().await, room_id);
    team.alice.wait_for_notice(&room_id, "> Hello").await;
    assert_eq!(gauges(&app).await, (0.0, 0.0));
}

#[sqlx::test(migrations = "../migrations")]
async fn when_all_have_declined_or_left_and_the_visitor_writes_all_are_invited_again(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    team.bob.invitation().await;
    for account in [&team.alice, &team.bob] {
        leave(account, &room_id).await;
    }
    wait_for_gauges(&app, (0.0, 1.0)).await;
    expect(visitor.send("Is anybody there?").await, 201).await;
    wait_until(&visitor, delivered(2)).await;
    for account in [&mut team.alice, &mut team.bob] {
        let twice = |account: &Account| (account.invitations() == 2).then_some(());
        account.wait_for("another invitation", twice).await;
    }
    wait_for_gauges(&app, (0.0, 0.0)).await;
    team.alice.join(&room_id).await;
    team.alice
        .wait_for_notice(&room_id, "> Is anybody there?")
        .await;
}

/// The bot learns of the leaving after the visitor's text was stored and sent. Nobody writes any
/// more.
#[sqlx::test(migrations = "../migrations")]
async fn what_was_written_before_the_server_heard_that_nobody_is_there_is_told(pool: PgPool) {
    let mut team = Team::new().await;
    let (is_deaf, waits) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let ear = (Arc::clone(&is_deaf), Arc::clone(&waits));
    let gateway = Gateway::new(move |asked| {
        let (is_deaf, waits) = ear.clone();
        Box::pin(async move {
            while asked.contains("/sync") && is_deaf.load(Ordering::Relaxed) {
                waits.store(true, Ordering::Relaxed);
                sleep(Duration::from_millis(20)).await;
            }
        })
    })
    .await;
    let url = gateway.url();
    let app = team.serve(&pool, &[("MATRIX_HOMESERVER_URL", &url)]).await;
    let desk = team.alice.accept_desk().await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    assert_eq!(team.bob.accept().await, room_id);
    wait_until(&visitor, delivered(1)).await;
    is_deaf.store(true, Ordering::Relaxed);
    // What the server has asked before is answered with this.
    team.alice.say(&room_id, "!note One moment.").await;
    let deadline = Instant::now() + PATIENCE;
    while !waits.load(Ordering::Relaxed) {
        assert!(Instant::now() < deadline, "the server does not ask");
        sleep(Duration::from_millis(20)).await;
    }
    for account in [&team.alice, &team.bob] {
        leave(account, &room_id).await;
    }
    expect(visitor.send("Is anybody there?").await, 201).await;
    wait_until(&visitor, delivered(2)).await;
    is_deaf.store(false, Ordering::Relaxed);
    for account in [&mut team.alice, &mut team.bob] {
        let twice = |account: &Account| (account.invitations() == 2).then_some(());
        account.wait_for("another invitation", twice).await;
    }
    let told = |alice: &Account| {
        let mut said = alice.events(&desk).into_iter();
        said.find(|event| {
            let body = event["content"]["body"].as_str().unwrap_or_default();
            body.contains("nobody of the staff is in the room")
        })
    };
    team.alice.wait_for("what the desk is told", told).await;
}

/// A member of the room cannot be invited to it, and is not missing.
#[sqlx::test(migrations = "../migrations")]
async fn a_member_of_the_room_counts_as_invited(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, delivered(1)).await;
    let room_id = team.alice.accept().await;
    team.alice.wait_for_notice(&room_id, "> Hello").await;
    sqlx::query("UPDATE staff_members SET membership = 'wanted', due_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    let memberships = async || -> Vec<(String, String)> {
        sqlx::query_as("SELECT user_id, membership FROM staff_members")
            .fetch_all(&pool)
            .await
            .unwrap()
    };
    let deadline = Instant::now() + PATIENCE;
    while memberships().await.iter().any(|(_, is)| is == "wanted") {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(50)).await;
    }
    let memberships: BTreeMap<_, _> = memberships().await.into_iter().collect();
    assert_eq!(memberships[&team.alice.user_id], "joined");
    assert_eq!(memberships[&team.bob.user_id], "invited");
    assert!(failed_invitations(&app).await.is_empty());
}

async fn room_of(pool: &PgPool, visitor: &Visitor<'_>) -> Option<String> {
    sqlx::query_scalar("SELECT room_id FROM sessions WHERE id::text = $1")
        .bind(&visitor.session_id)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// How the bot comes to be out of a room.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Leaves,
    Banned,
    Purged,
}

impl Loss {
    async fn happen(self, team: &Team, room_id: &str) {
        match self {
            Self::Leaves => leave(&team.bot, room_id).await,
            Self::Banned => {
                let path = format!("/_synapse/admin/v1/rooms/{room_id}/make_room_admin");
                let body = json!({ "user_id": team.alice.user_id });
                team.admin.ok(Method::POST, &path, Some(body)).await;
                // Levels that are equal protect from each other.
                let path = format!("/_matrix/client/v3/rooms/{room_id}/state/m.room.power_levels");
                let mut levels = team.bot.ok(Method::GET, &path, None).await;
                levels["users"][&team.bot.user_id] = json!(50);
                team.bot.ok(Method::PUT, &path, Some(levels)).await;
                let path = format!("/_matrix/client/v3/rooms/{room_id}/ban");
                let body = json!({ "user_id": team.bot.user_id });
                team.alice.ok(Method::POST, &path, Some(body)).await;
            }
            Self::Purged => {
                let path = format!("/_synapse/admin/v1/rooms/{room_id}");
                let body = json!({ "purge": true, "block": false });
                team.admin.ok(Method::DELETE, &path, Some(body)).await;
            }
        }
    }
}

async fn a_lost_room_is_replaced(pool: &PgPool, loss: Loss) {
    let mut team = Team::new().await;
    let app = team.serve(pool, &[]).await;
    let creation = app.create(json!({ "initialMessage": "my first", "visitorName": "Ada" }));
    let ada = Visitor::from_creation(&app, expect(creation.await, 201).await);
    let grace = app.visitor("Grace's").await;
    wait_until(&ada, delivered(1)).await;
    wait_until(&grace, delivered(1)).await;
    let old = room_of(pool, &ada).await.unwrap();
    team.alice.join(&old).await;
    let reply = team.alice.say(&old, "mistyped").await;
    let edit = json!({
        "msgtype": "m.text", "body": "* A reply", "m.new_content": { "msgtype": "m.text", "body": "A reply" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": reply },
    });
    team.alice.send(&old, edit).await;
    wait_until(&ada, |messages| messages.len() == 3).await;
    loss.happen(&team, &old).await;

    for text in ["second", "third"] {
        expect(ada.send(text).await, 201).await;
    }
    expect(grace.send("elsewhere").await, 201).await;
    wait_until(&ada, |messages| {
        messages.len() == 5
            && messages
                .iter()
                .all(|message| message["delivery"] != "pending")
    })
    .await;
    wait_until(&grace, delivered(2)).await;
    let new = room_of(pool, &ada).await.unwrap();
    assert_ne!(new, old, "{loss:?}");

    // All of it is in the new room, once.
    let path = format!("/_matrix/client/v3/rooms/{new}/messages?dir=f&limit=100");
    let history = team.bot.ok(Method::GET, &path, None).await;
    let said: Vec<_> = history["chunk"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "m.room.message")
        .map(|event| event["content"]["body"].as_str().unwrap().to_owned())
        // The server may have noticed the loss before the visitor wrote.
        .filter(|body| !body.starts_with("The bot is no longer"))
        .collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    let retold = &said[0];
    assert!(retold.starts_with("This room continues"), "{retold}");
    assert!(retold.contains("Visitor:\n> Ada"), "{retold}");
    assert!(retold.contains("Visitor:\n> my first"), "{retold}");
    assert!(
        retold.contains(&format!("{}:\n> A reply", team.alice.user_id)),
        "{retold}"
    );
    assert!(
        !retold.contains("mistyped") && !retold.contains("second"),
        "{retold}"
    );
    assert_eq!(said[1..], ["second", "third"]);

    // Whoever joins the new room is told what the old one had.
    let invited = |account: &Account| account.invited_to_room(&new).then_some(());
    team.bob.wait_for("the new invitation", invited).await;
    team.bob.join(&new).await;
    let recap = team.bob.wait_for_notice(&new, "> third").await;
    for part in ["> Ada", "> my first", "> A reply", "> second"] {
        assert!(recap.contains(part), "{part}: {recap}");
    }
    team.bob.say(&new, "Here again").await;
    wait_until(&ada, |messages| {
        messages
            .last()
            .is_some_and(|message| message["body"] == "Here again")
    })
    .await;
    let metrics = app.metrics().await;
    assert_eq!(metrics["support_chat_rooms_lost_total"].to_string(), "1");
    assert_eq!(
        metrics["support_chat_messages_failed_total"].to_string(),
        "0"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn a_room_that_the_bot_has_left_is_replaced(pool: PgPool) {
    a_lost_room_is_replaced(&pool, Loss::Leaves).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_room_that_the_bot_was_banned_from_is_replaced(pool: PgPool) {
    a_lost_room_is_replaced(&pool, Loss::Banned).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_room_that_an_administrator_has_deleted_is_replaced(pool: PgPool) {
    a_lost_room_is_replaced(&pool, Loss::Purged).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_room_that_is_lost_while_nobody_writes_is_replaced(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("I wait for an answer").await;
    wait_until(&visitor, delivered(1)).await;
    let old = room_of(&pool, &visitor).await.unwrap();
    team.alice.join(&old).await;
    // Then nothing is left to be sent that would find out.
    team.alice
        .wait_for_notice(&old, "> I wait for an answer")
        .await;
    Loss::Leaves.happen(&team, &old).await;

    let deadline = Instant::now() + 2 * PATIENCE;
    let new = loop {
        let room = room_of(&pool, &visitor).await;
        if let Some(new) = room.filter(|room| *room != old) {
            break new;
        }
        assert!(Instant::now() < deadline, "there is no new room");
        sleep(Duration::from_millis(100)).await;
    };
    let invited = |account: &Account| account.invited_to_room(&new).then_some(());
    team.alice.wait_for("the new invitation", invited).await;
    team.alice.join(&new).await;
    team.alice
        .wait_for_notice(&new, "> I wait for an answer")
        .await;
    team.alice.say(&new, "Here it is").await;
    wait_until(&visitor, |messages| {
        messages
            .last()
            .is_some_and(|message| message["body"] == "Here it is")
    })
    .await;
}
