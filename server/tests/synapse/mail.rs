//! The whole round: a visitor leaves, staff answer in Matrix, a mail arrives in a mailbox through a
//! real mail server with TLS and authentication, and its code resumes the conversation.

use std::{env, fs, path::Path, time::Duration};

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    common::{Visitor, expect},
    homeserver::{Team, wait_for_messages},
};

/// A time limit that nothing here should reach.
const DEADLINE: Duration = Duration::from_mins(1);

fn variable(name: &str) -> String {
    env::var(name)
        .unwrap_or_else(|_| panic!("{name}: run these tests with `cargo xtask test synapse`"))
}

/// The mails to an address that the mail server has delivered.
fn delivered(to: &str) -> Vec<String> {
    let new = Path::new(&variable("MAIL_SERVER_MAILDIR")).join("new");
    let Ok(files) = fs::read_dir(new) else {
        return Vec::new();
    };
    files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .filter(|mail| mail.contains(&format!("\nTo: {to}\n")))
        .collect()
}

async fn wait_for_mail(to: &str) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(mail) = delivered(to).pop() {
            return mail;
        }
        assert!(Instant::now() < deadline, "no mail for {to}");
        sleep(Duration::from_millis(100)).await;
    }
}

fn vars(url: &str) -> [(&str, &str); 4] {
    [
        ("SUPPORT_CHAT_SMTP_URL", url),
        ("SUPPORT_CHAT_MAIL_FROM", "Support <support@example.com>"),
        ("SUPPORT_CHAT_PUBLIC_URL", "https://chat.example.com"),
        ("SUPPORT_CHAT_MAIL_AFTER", "1s"),
    ]
}

#[sqlx::test(migrations = "../migrations")]
async fn a_visitor_who_left_is_mailed_and_comes_back(pool: PgPool) {
    let url = variable("MAIL_SERVER_URL");
    let mut team = Team::new().await;
    let app = team.serve(&pool, &vars(&url)).await;
    let visitor = app.visitor("When do you open?").await;
    let address = format!("ada-{}@example.org", Uuid::new_v4().simple());
    let room_id = team.alice.accept().await;
    let ask = team.alice.say(&room_id, "!email").await;
    let told = team.alice.wait_for_answer(&ask).await;
    assert_eq!(told, "Replies are mailed nowhere.");
    let request = visitor.request(Method::PUT, "/email");
    let request = request.json(&json!({ "email": address }));
    assert_eq!(request.send().await.unwrap().status(), 204);
    let ask = team.alice.say(&room_id, "!email").await;
    let told = team.alice.wait_for_answer(&ask).await;
    assert!(
        told.ends_with(&format!(" are mailed to:\n> {address}")),
        "{told}"
    );

    // As if three minutes had passed since the visitor left.
    sqlx::query("UPDATE sessions SET seen_at = now() - interval '3 minutes', created_at = now() - interval '3 minutes'")
        .execute(&pool)
        .await
        .unwrap();
    let reply = team.alice.say(&room_id, "At nine o'clock.").await;
    let told = team.alice.wait_for_answer(&reply).await;
    assert!(
        told.contains("if they do not within 1s, they are mailed"),
        "{told}"
    );
    team.alice.say(&room_id, "On Mondays at ten.").await;

    let mail = wait_for_mail(&address).await;
    assert!(
        mail.starts_with("Return-Path: <support@example.com>\n"),
        "{mail}"
    );
    assert!(mail.contains(" with ESMTPSA "), "{mail}");
    assert!(
        mail.contains("\nAuto-Submitted: auto-generated\n"),
        "{mail}"
    );
    assert!(!mail.contains("nine"), "{mail}");
    let notice = team.alice.wait_for_notice(&room_id, "was mailed").await;
    assert!(!notice.contains('@'), "{notice}");

    // Lines that were folded in the encoding end with `=`.
    let unfolded = mail.replace("=\n", "");
    let (_, code) = unfolded.split_once("/support/resume/").unwrap();
    let code = &code[..43];
    let request = app.api(Method::POST, "/sessions/resume");
    let resumed = request.json(&json!({ "code": code })).send().await.unwrap();
    let resumed = expect(resumed, 201).await;
    let again = Visitor {
        app: &app,
        session_id: resumed["sessionId"].as_str().unwrap().to_owned(),
        token: resumed["token"].as_str().unwrap().to_owned(),
        first_message_id: visitor.first_message_id.clone(),
    };
    let messages = wait_for_messages(&again, 3).await;
    assert_eq!(messages[2]["body"], "On Mondays at ten.");
    expect(again.send("Thank you, I am back.").await, 201).await;
    let back = "Thank you, I am back.";
    team.alice
        .wait_for("the visitor's text", |alice| {
            let texts = alice.bodies(&room_id, "m.text");
            texts.iter().any(|text| text == back).then_some(())
        })
        .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_server_with_another_s_certificate_gets_neither_mail_nor_password(pool: PgPool) {
    // The certificate is for `localhost`.
    let url = variable("MAIL_SERVER_URL").replace("@localhost:", "@127.0.0.1:");
    let mut team = Team::new().await;
    let app = team.serve(&pool, &vars(&url)).await;
    let visitor = app.visitor("Hello").await;
    let address = format!("bob-{}@example.org", Uuid::new_v4().simple());
    let request = visitor.request(Method::PUT, "/email");
    let request = request.json(&json!({ "email": address }));
    assert_eq!(request.send().await.unwrap().status(), 204);
    let room_id = team.alice.accept().await;
    team.alice.say(&room_id, "Hi").await;
    let deadline = Instant::now() + DEADLINE;
    let failed = "SELECT count(*) FROM mails WHERE attempts > 0";
    while sqlx::query_scalar::<_, i64>(failed)
        .fetch_one(&pool)
        .await
        .unwrap()
        == 0
    {
        assert!(Instant::now() < deadline, "nothing was tried");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(delivered(&address).is_empty());
}
