//! Postgres, or Synapse, is restored from a backup that is older than what was promised, and `recover` is run twice. Nothing
//! that both sides have said is lost, and nothing is there twice.

use std::{env, process::Command};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::spawn_blocking;
use url::Url;

use crate::{
    api::Conversation,
    homeserver::Account,
    parts::{Part, SHARED},
    scenarios::assert_flawless,
    stage::{Credentials, Setting, Stage},
};

async fn set(name: &'static str) -> Stage {
    let admin = Account::admin().await;
    let setting = Setting {
        variables: &[("SUPPORT_CHAT_UNANSWERED_AFTER", "1h")],
        ..Setting::default()
    };
    Stage::set_so(name, 1, Credentials::Password, &admin, setting).await
}

/// Both sides say something.
async fn talk(stage: &Stage, conversation: &mut Conversation, when: &str) {
    let first = conversation.promised[0].clone();
    let (text, reply) = (
        format!("{first}: text {when}"),
        format!("{first}: reply {when}"),
    );
    stage.api.send(conversation, text.clone()).await;
    let room_id = stage.wait_for_room(conversation).await;
    stage.staff.join(&room_id).await;
    stage.staff.wait_to_see(&room_id, &text).await;
    stage.reply(&room_id, &reply).await;
    stage.wait_for_text(conversation, &reply).await;
}

async fn recover(stage: &Stage, which: &str) {
    for time in ["first", "second"] {
        let said = stage.servers[0].command(&["recover", which]).await;
        println!("recover {which}, {time} time:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_doubles_nothing_and_gets_back_what_rooms_have() {
    let _alone = SHARED.write().await;
    let mut stage = set("postgres-restored").await;
    let mut old = stage.api.create("an old chat").await;
    talk(&stage, &mut old, "before").await;
    stage.outbox_is_empty().await;
    // The backup owes texts of which no attempt was made.
    Part::Synapse.kill().await;
    let mut new = stage.api.create("a chat without a room").await;
    for number in 0..3 {
        let text = format!("owed {number}");
        stage
            .api
            .send(&mut old, format!("{text} in the old chat"))
            .await;
        stage
            .api
            .send(&mut new, format!("{text} in the new chat"))
            .await;
    }
    dump(&stage.database).await;
    Part::Synapse.start().await;
    stage.outbox_is_empty().await;
    for conversation in [&mut old, &mut new] {
        talk(&stage, conversation, "after the backup").await;
    }
    let mut unknown = stage.api.create("a chat that began after the backup").await;
    talk(&stage, &mut unknown, "after the backup").await;
    stage.outbox_is_empty().await;

    stage.servers[0].kill();
    restore(&stage.database).await;
    // It is a day later, and Synapse has forgotten the transactions.
    sqlx::query("UPDATE sessions SET created_at = created_at - interval '1 day'")
        .execute(&stage.pool)
        .await
        .unwrap();
    Part::Synapse.forget_transactions().await;
    recover(&stage, "--postgres-restored").await;
    stage.servers[0].start().await;
    for conversation in [&mut old, &mut new] {
        // Entries that were read back have new ids.
        conversation.seen.clear();
        talk(&stage, conversation, "after the restore").await;
    }

    let room_id = stage
        .room_with(&unknown)
        .await
        .expect("the room of the chat that is not in the backup");
    let events = stage.bot.history(&room_id).await;
    let told = events
        .iter()
        .filter(|event| event.body.contains("this conversation is missing"));
    assert_eq!(told.count(), 1, "staff are told once that nobody is there");
    stage.foreign_rooms.push(room_id);
    let faults = "Postgres restored from a backup with 7 texts owed";
    assert_flawless(&stage.judge(vec![old, new], faults).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_homeserver_gets_again_what_it_has_lost() {
    let _alone = SHARED.write().await;
    let mut stage = set("homeserver-restored").await;
    let mut old = stage.api.create("an old chat").await;
    talk(&stage, &mut old, "before").await;
    let mut ended = stage.api.create("a chat that ends").await;
    talk(&stage, &mut ended, "before").await;
    stage.outbox_is_empty().await;
    Part::Synapse.save().await;
    for conversation in [&mut old, &mut ended] {
        talk(&stage, conversation, "after the backup").await;
    }
    let mut new = stage.api.create("a chat that began after the backup").await;
    talk(&stage, &mut new, "after the backup").await;
    stage.api.close(&mut ended).await;
    stage.outbox_is_empty().await;
    let gone = stage.wait_for_room(&new).await;
    stage.put_out.push((gone, new.session_id.clone()));

    stage.servers[0].kill();
    Part::Synapse.restore().await;
    for conversation in [&old, &ended] {
        let room_id = stage.wait_for_room(conversation).await;
        stage.replies.lose_newest(&room_id);
    }
    recover(&stage, "--homeserver-restored").await;
    stage.servers[0].start().await;
    talk(&stage, &mut old, "after the restore").await;
    // The chat's new room is another one.
    stage.outbox_is_empty().await;
    talk(&stage, &mut new, "after the restore").await;

    let room_id = stage.wait_for_room(&ended).await;
    stage.outbox_is_empty().await;
    let names = stage.staff.names(&room_id).await;
    assert!(names.last().unwrap().starts_with('✓'), "{names:?}");
    for conversation in [&old, &ended] {
        let room_id = stage.wait_for_room(conversation).await;
        let reply = format!("{}: reply after the backup", conversation.promised[0]);
        let events = stage.staff.history(&room_id).await;
        let told = events.iter().filter(|event| event.quotes(&reply) > 0);
        assert_eq!(told.count(), 1, "{reply}");
    }
    let faults = "Synapse restored from a backup: 4 texts and 3 replies later";
    assert_flawless(&stage.judge(vec![old, ended, new], faults).await);
}

/// Runs a program of Postgres.
async fn program(variable: &'static str, arguments: &[&str]) {
    let program = env::var(variable).expect("a program of Postgres: `cargo xtask test resilience`");
    let mut command = Command::new(program);
    command.args(arguments);
    let output = spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{variable}: {words}");
}

const DUMP: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/faults-restores.dump");

async fn dump(database: &str) {
    let arguments = ["--format=custom", "--file", DUMP, "--dbname", database];
    program("PG_DUMP", &arguments).await;
}

/// Puts the dump in the place of the database.
async fn restore(database: &str) {
    let mut url = Url::parse(database).unwrap();
    let name = url.path().trim_start_matches('/').to_owned();
    url.set_path("postgres");
    let mut connection = PgConnection::connect(url.as_str()).await.unwrap();
    for statement in [
        format!(r#"DROP DATABASE "{name}" WITH (FORCE)"#),
        format!(r#"CREATE DATABASE "{name}""#),
    ] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    let arguments = ["--exit-on-error", "--dbname", database, DUMP];
    program("PG_RESTORE", &arguments).await;
}
