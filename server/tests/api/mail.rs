//! Mails to visitors who have left. The tests act for staff by calling what the relay calls when it
//! receives their messages.

mod copies;
mod faults;
mod links;
pub(crate) mod mailbox;
mod resume;
mod staff_language;

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use server::{
    config::Config,
    storage::{
        mail::outbox,
        messages::{self, NewEntry},
    },
};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use mailbox::Mailbox;

use crate::{
    common::{ORIGIN, TestApp, Visitor, config, expect},
    problem::expect_problem,
    shares,
};

/// A time limit that suffices on the slowest machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// A server that mails soon.
pub(crate) fn mailing(pool: &PgPool, smtp_url: &str, extra: &[(&str, &str)]) -> Config {
    let vars = [
        ("SUPPORT_CHAT_SMTP_URL", smtp_url),
        ("SUPPORT_CHAT_MAIL_FROM", "Support <support@example.com>"),
        ("SUPPORT_CHAT_MAIL_REPLY_TO", "help@example.com"),
        ("SUPPORT_CHAT_MAIL_BOUNCES_TO", "bounces@example.com"),
        ("SUPPORT_CHAT_PUBLIC_URL", "https://chat.example.com"),
        ("SUPPORT_CHAT_MAIL_AFTER", "100ms"),
        ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
    ];
    config(pool, &[&vars, extra].concat())
}

async fn set_email(visitor: &Visitor<'_>, email: &str) -> Response {
    let request = visitor.request(Method::PUT, "/email");
    let request = request.json(&json!({ "email": email }));
    request.send().await.unwrap()
}

async fn forget_email(visitor: &Visitor<'_>) -> Response {
    let request = visitor.request(Method::DELETE, "/email");
    request.send().await.unwrap()
}

/// A visitor who has given this address.
async fn reachable<'a>(app: &'a TestApp, email: &str) -> Visitor<'a> {
    let visitor = app.visitor("Hello").await;
    assert_eq!(set_email(&visitor, email).await.status(), 204);
    visitor
}

/// Stores a reply of staff as the relay does.
async fn reply(pool: &PgPool, session_id: &str, text: &str) -> Uuid {
    let (id, session_id) = (Uuid::new_v4(), session_id.parse().unwrap());
    let mut tx = shares(pool).relay.begin().await.unwrap();
    let entry = NewEntry {
        id,
        session_id,
        body: text,
        written_at: None,
        replaces: None,
        removed: false,
        prolongs: true,
    };
    messages::append(&mut tx, &entry).await.unwrap();
    outbox::wait(&mut tx, session_id).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// Waits until Postgres has this many rows.
async fn until(pool: &PgPool, count: &'static str, expected: i64) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found: i64 = sqlx::query_scalar(count).fetch_one(pool).await.unwrap();
        if found == expected {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{count}: {found} and not {expected}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// The value of a metric's series.
async fn metric(app: &TestApp, series: &str) -> String {
    app.metrics().await[series].to_string()
}

/// The notices that are queued for the rooms.
async fn notices(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT body FROM outbox WHERE kind = 'notice' ORDER BY position")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn replies_that_nobody_fetches_are_mailed_once_for_all_that_wait(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = app.visitor("Hallo").await;
    let request = visitor.request(Method::PUT, "/email");
    let request = request.header("accept-language", "de-AT,de;q=0.9,en;q=0.8");
    let request = request.json(&json!({ "email": "Ada@example.org" }));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["cache-control"], "no-store");
    reply(&pool, &visitor.session_id, "first secret").await;
    reply(&pool, &visitor.session_id, "second secret").await;

    let mail = mailbox.mails(1).await.remove(0);
    assert_eq!(
        (&*mail.from, &*mail.to),
        ("bounces@example.com", "Ada@example.org")
    );
    assert_eq!(mail.header("Reply-To"), "help@example.com");
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    let text = mail.part("text/plain");
    assert!(
        text.contains("Support-Team hat in dem Chat geantwortet"),
        "{text}"
    );
    assert!(!mail.raw.contains("secret"), "{}", mail.raw);
    let html = mail.part("text/html");
    assert!(
        html.contains("<html lang=\"de\" dir=\"ltr\">") && !html.contains("secret"),
        "{html}"
    );
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert_eq!(notices(&pool).await.len(), 1);
    assert!(notices(&pool).await[0].contains("2 texts"));
    let sent = "support_chat_mails_total{outcome=\"sent\"}";
    assert_eq!(metric(&app, sent).await, "1");

    // The next unfetched reply gets a mail of its own, which does not contain the earlier ones.
    reply(&pool, &visitor.session_id, "third").await;
    let mails = mailbox.mails(2).await;
    assert_ne!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert!(notices(&pool).await[1].contains("a text"));
}

#[sqlx::test(migrations = "../migrations")]
async fn whoever_fetches_in_time_is_not_mailed(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let ada = reachable(&app, "ada@example.org").await;
    let bob = reachable(&app, "bob@example.org").await;
    let eve = reachable(&app, "eve@example.org").await;
    let reply_to_ada = reply(&pool, &ada.session_id, "to Ada").await;
    reply(&pool, &bob.session_id, "to Bob").await;
    // Ada has fetched everything, and Bob what came after his own text.
    assert_eq!(ada.messages(None).await.len(), 2);
    assert_eq!(bob.messages(Some(&bob.first_message_id)).await.len(), 1);
    until(&pool, "SELECT count(*) FROM mails", 0).await;

    // Ada's poll confirms that she has it. A reply after that is mailed.
    ada.messages(Some(&reply_to_ada.to_string())).await;
    reply(&pool, &eve.session_id, "to Eve").await;
    let mails = mailbox.mails(1).await;
    assert_eq!(mails[0].to, "eve@example.org");
    reply(&pool, &ada.session_id, "to Ada, later").await;
    assert_eq!(mailbox.mails(2).await[1].to, "ada@example.org");
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert!(notices(&pool).await.iter().all(|it| it.contains("a text")));
}

/// The visitor's computer may have been shut down while their page waited.
#[sqlx::test(migrations = "../migrations")]
async fn an_answer_to_a_poll_that_has_waited_counts_when_the_next_one_says_so(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    let path = format!("/messages?after={}&wait=25", visitor.first_message_id);
    let waiting = visitor.request(Method::GET, &path).send();
    let (answer, ()) = tokio::join!(waiting, async {
        // Longer than a visitor is certainly present, and shorter than the poll may wait.
        sleep(Duration::from_secs(9)).await;
        reply(&pool, &visitor.session_id, "hello").await;
    });
    let answer = expect(answer.unwrap(), 200).await;
    assert_eq!(answer["messages"][0]["body"], "hello");
    mailbox.mails(1).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn what_was_taken_back_is_not_mailed_and_an_edit_is_no_reply(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    let session_id = visitor.session_id.parse().unwrap();
    let id = reply(&pool, &visitor.session_id, "oops").await;
    let mut tx = shares(&pool).relay.begin().await.unwrap();
    let removal = NewEntry {
        id: Uuid::new_v4(),
        session_id,
        body: "",
        written_at: None,
        replaces: Some(id),
        removed: true,
        prolongs: true,
    };
    messages::append(&mut tx, &removal).await.unwrap();
    tx.commit().await.unwrap();
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert_eq!(mailbox.connections(), 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_text_is_mailed_where_the_operator_wants_it(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let extra = [
        ("SUPPORT_CHAT_MAIL_INCLUDE_TEXT", "on"),
        ("SUPPORT_CHAT_RESUME_PAGE", "https://www.example.org/help"),
    ];
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &extra)).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "We have it.\n.\n<b>Really</b>").await;
    let mail = mailbox.mails(1).await.remove(0);
    let text = mail.part("text/plain");
    assert!(
        text.contains("> We have it.\n> .\n> <b>Really</b>"),
        "{text}"
    );
    assert!(
        text.contains("https://www.example.org/help#support-chat="),
        "{text}"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn nobody_is_flooded(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "stranger@example.org").await;
    let sent = "INSERT INTO mails_sent (session_id, address_digest, sent_at)
                SELECT session_id, address_digest, now() - make_interval(mins => n)
                FROM mail_addresses, generate_series(1, 5) n WHERE address = 'stranger@example.org'";
    sqlx::query(sent).execute(&pool).await.unwrap();
    reply(&pool, &visitor.session_id, "one too many").await;
    // The mail waits, and is not lost.
    until(
        &pool,
        "SELECT count(*) FROM mails WHERE due_at > now() + interval '50 minutes'",
        1,
    )
    .await;
    // Another conversation with the same address has a limit of its own, and the address has a
    // limit for all of them.
    let other = reachable(&app, "Stranger@Example.org").await;
    reply(&pool, &other.session_id, "hello").await;
    mailbox.mails(1).await;
    until(&pool, "SELECT count(*) FROM mails", 1).await;
    sqlx::query(sent).execute(&pool).await.unwrap();
    let third = reachable(&app, "stranger@example.org").await;
    reply(&pool, &third.session_id, "hello").await;
    until(
        &pool,
        "SELECT count(*) FROM mails WHERE due_at > now() + interval '50 minutes'",
        2,
    )
    .await;
    // The mail is sent a day later.
    for statement in [
        "UPDATE mails_sent SET sent_at = sent_at - interval '1 day'",
        "UPDATE mails SET due_at = now(), delayed_at = NULL",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    mailbox.mails(3).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn addresses_are_judged_before_anything_is_stored(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = app.visitor("Hello").await;
    for bad in [
        "",
        "ada",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com, eve@example.com",
        "Ada <ada@example.com>",
        "ada@[127.0.0.1]",
    ] {
        let problem = expect_problem(set_email(&visitor, bad).await, 422, "invalid_field").await;
        assert_eq!(problem["errors"][0]["field"], "email");
    }
    for body in [json!({}), json!({ "email": null }), json!(["a@b"])] {
        let request = visitor.request(Method::PUT, "/email").json(&body);
        expect_problem(request.send().await.unwrap(), 400, "malformed_request").await;
    }
    until(&pool, "SELECT count(*) FROM mail_addresses", 0).await;
    for _ in 0..2 {
        assert_eq!(set_email(&visitor, "ada@example.com").await.status(), 204);
    }
    for _ in 0..2 {
        assert_eq!(forget_email(&visitor).await.status(), 204);
    }
    until(&pool, "SELECT count(*) FROM mail_addresses", 0).await;

    let stranger = Visitor {
        app: &app,
        session_id: visitor.session_id.clone(),
        token: "wrong".to_owned(),
        first_message_id: String::new(),
    };
    expect_problem(
        set_email(&stranger, "a@b.example").await,
        401,
        "invalid_token",
    )
    .await;
    expect_problem(forget_email(&stranger).await, 401, "invalid_token").await;
    assert_eq!(visitor.close().await.status(), 204);
    for address in ["a@b.example", "no address"] {
        let refused = set_email(&visitor, address).await;
        expect_problem(refused, 410, "session_closed").await;
    }
    expect_problem(forget_email(&visitor).await, 410, "session_closed").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn where_nothing_is_mailed_no_address_is_taken(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    expect_problem(
        set_email(&visitor, "ada@example.com").await,
        404,
        "not_found",
    )
    .await;
    assert_eq!(forget_email(&visitor).await.status(), 204);
    let answer = app.api(Method::GET, "/availability").send().await.unwrap();
    assert_eq!(
        expect(answer, 200).await,
        json!({"open": true, "rating": true})
    );
    until(&pool, "SELECT count(*) FROM mail_addresses", 0).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn pages_learn_that_they_may_ask_for_an_address(pool: PgPool) {
    let app = TestApp::spawn(mailing(&pool, "smtp://127.0.0.1:1", &[])).await;
    let answer = app.api(Method::GET, "/availability").send().await.unwrap();
    let answer: Value = expect(answer, 200).await;
    assert_eq!(answer, json!({"open": true, "mail": true, "rating": true}));
    let preflight = app
        .api(Method::OPTIONS, "/sessions/x/email")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "DELETE");
    let answer = preflight.send().await.unwrap();
    let methods = answer.headers()["access-control-allow-methods"]
        .to_str()
        .unwrap();
    for method in ["PUT", "DELETE"] {
        assert!(methods.split(',').any(|it| it == method), "{methods}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn an_address_goes_with_what_is_deleted_for_its_age(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let retention = [("SUPPORT_CHAT_RETENTION", "1h")];
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &retention)).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    let code = mailbox.mails(1).await[0].code();
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    for statement in [
        "DELETE FROM outbox",
        "UPDATE sessions SET active_at = now() - interval '26 hours'",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    app.stop().await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &retention)).await;
    until(&pool, "SELECT count(*) FROM mail_addresses", 0).await;
    until(&pool, "SELECT count(*) FROM resume_codes", 0).await;
    let resumed = resume::resume(&app, &code, None).await;
    expect_problem(resumed, 404, "resume_code_unknown").await;
}
