//! The conversation by mail, as its visitor asks for it.

use reqwest::{Method, Response};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    forget_email,
    mailbox::{Fate, Mailbox},
    mailing, metric, notices, reachable, reply, set_email, until,
};
use crate::{
    common::{TestApp, Visitor, config},
    problem::expect_problem,
};

const WAITING: &str = "SELECT count(*) FROM transcript_mails WHERE done_at IS NULL";
const DONE: &str = "SELECT count(*) FROM transcript_mails WHERE done_at IS NOT NULL";

async fn ask(visitor: &Visitor<'_>, query: &str, key: Option<&str>) -> Response {
    let path = format!("/transcript/mail{query}");
    let mut request = visitor.request(Method::POST, &path);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.send().await.unwrap()
}

async fn change(pool: &PgPool, statement: &'static str) {
    sqlx::query(statement).execute(pool).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_is_mailed_to_its_visitor_once_for_each_key(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let after = [("SUPPORT_CHAT_MAIL_AFTER", "1h")];
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &after)).await;
    let visitor = app.visitor("Grüezi\nzusammen").await;
    let request = visitor.request(Method::PUT, "/email");
    let request = request.header("accept-language", "de");
    let request = request.json(&serde_json::json!({ "email": "ada@example.org" }));
    assert_eq!(request.send().await.unwrap().status(), 204);
    reply(&pool, &visitor.session_id, "Good day!").await;
    change(
        &pool,
        "UPDATE messages SET created_at = '2026-05-23 22:30Z'",
    )
    .await;
    change(
        &pool,
        "UPDATE sessions SET created_at = '2026-05-23 22:30Z'",
    )
    .await;
    for _ in 0..2 {
        let answer = ask(&visitor, "?timeZone=Europe/Berlin", Some("first")).await;
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.bytes().await.unwrap().len(), 0);
    }
    let mail = mailbox.mails(1).await.remove(0);
    assert_eq!(
        (&*mail.from, &*mail.to),
        ("bounces@example.com", "ada@example.org")
    );
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert_eq!(mail.header("Subject"), "Ihr Chat auf chat.example.com");
    assert!(
        mail.header("List-Unsubscribe")
            .contains("/support/unsubscribe/")
    );
    assert!(
        mail.raw
            .contains("filename=\"support-chat-2026-05-24.txt\""),
        "{}",
        mail.raw
    );
    let (own_words, attached) = mail
        .raw
        .split_once("Content-Disposition: attachment")
        .unwrap();
    assert!(!own_words.contains("Gr=C3=BCezi") && !own_words.contains("zusammen"));
    let attached = format!(
        "boundary=\"{}\"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: attachment{attached}",
        outer_boundary(own_words)
    );
    let text = super::mailbox::part(&attached, "text/plain");
    assert_eq!(
        text.replace("\r\n", "\n").trim_end(),
        "Support-Chat\nUhrzeiten in der Zeitzone Europe/Berlin\n\n\
         2026-05-24 00:30 Sie:\n    Grüezi\n    zusammen\n\n\
         2026-05-24 00:30 Support:\n    Good day!"
    );
    until(&pool, DONE, 1).await;
    // The same key again means the same mail, and another key another one.
    assert_eq!(ask(&visitor, "", Some("first")).await.status(), 204);
    until(&pool, WAITING, 0).await;
    assert_eq!(ask(&visitor, "", Some("second")).await.status(), 204);
    mailbox.mails(2).await;
    until(&pool, DONE, 2).await;
    let sent = "support_chat_mails_total{outcome=\"sent\"}";
    assert_eq!(metric(&app, sent).await, "2");
    // The reply still waits for its own time.
    until(&pool, "SELECT count(*) FROM mails", 1).await;
}

/// The boundary between the mail's parts and its attachment.
fn outer_boundary(head: &str) -> &str {
    let (_, rest) = head.split_once("boundary=\"").unwrap();
    rest.split_once('"').unwrap().0
}

#[sqlx::test(migrations = "../migrations")]
async fn for_a_day_after_the_end_a_conversation_can_be_mailed(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    assert_eq!(visitor.close().await.status(), 204);
    change(
        &pool,
        "UPDATE sessions SET closed_at = now() - interval '23 hours 59 minutes'",
    )
    .await;
    assert_eq!(ask(&visitor, "", None).await.status(), 204);
    let mail = mailbox.mails(1).await.remove(0);
    assert!(mail.raw.contains("This chat has ended."), "{}", mail.raw);
    change(
        &pool,
        "UPDATE sessions SET closed_at = now() - interval '24 hours'",
    )
    .await;
    expect_problem(ask(&visitor, "", None).await, 410, "session_closed").await;
    change(
        &pool,
        "UPDATE sessions SET closed_at = NULL, active_at = now() - interval '48 hours'",
    )
    .await;
    expect_problem(ask(&visitor, "", None).await, 410, "session_expired").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn whoever_may_not_have_it_or_has_no_address_is_refused(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let (visitor, other) = (app.visitor("Hello").await, app.visitor("Hello").await);
    let foreign = |session_id: &str, token: &str| {
        let path = format!("/sessions/{session_id}/transcript/mail");
        app.api(Method::POST, &path).bearer_auth(token).send()
    };
    let nowhere = foreign(&Uuid::new_v4().to_string(), &visitor.token);
    expect_problem(nowhere.await.unwrap(), 404, "session_not_found").await;
    let stranger = foreign(&visitor.session_id, &other.token).await.unwrap();
    expect_problem(stranger, 401, "invalid_token").await;
    let mars = ask(&visitor, "?timeZone=Mars/Olympus", None).await;
    expect_problem(mars, 400, "malformed_request").await;

    let problem = expect_problem(ask(&visitor, "", None).await, 422, "invalid_field").await;
    assert_eq!(problem["errors"][0]["field"], "email");
    assert_eq!(set_email(&visitor, "ada@example.org").await.status(), 204);
    change(&pool, "UPDATE mail_addresses SET is_refused = true").await;
    expect_problem(ask(&visitor, "", None).await, 422, "invalid_field").await;
    assert_eq!(forget_email(&visitor).await.status(), 204);
    expect_problem(ask(&visitor, "", None).await, 422, "invalid_field").await;
    assert_eq!(visitor.close().await.status(), 204);
    change(
        &pool,
        "UPDATE sessions SET closed_at = now() - interval '25 hours'",
    )
    .await;
    expect_problem(ask(&visitor, "", None).await, 410, "session_closed").await;
    until(&pool, "SELECT count(*) FROM transcript_mails", 0).await;
    assert_eq!(mailbox.connections(), 0);
    app.stop().await;

    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    expect_problem(ask(&visitor, "", None).await, 404, "not_found").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn nobody_is_flooded_with_conversations(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "stranger@example.org").await;
    for count in 1..=3 {
        assert_eq!(ask(&visitor, "", None).await.status(), 204);
        mailbox.mails(count).await;
        until(&pool, WAITING, 0).await;
    }
    let refused = ask(&visitor, "", None).await;
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((23 * 3_600..=24 * 3_600).contains(&wait), "{wait}");
    expect_problem(refused, 429, "rate_limited").await;
    // An address has a limit of all conversations and all mails.
    change(
        &pool,
        "INSERT INTO mails_sent (session_id, address_digest)
         SELECT session_id, address_digest FROM mail_addresses, generate_series(1, 10)",
    )
    .await;
    let other = reachable(&app, "Stranger@example.org").await;
    expect_problem(ask(&other, "", None).await, 429, "rate_limited").await;
    change(
        &pool,
        "UPDATE mails_sent SET sent_at = sent_at - interval '1 day'",
    )
    .await;
    assert_eq!(ask(&other, "", None).await.status(), 204);
    mailbox.mails(4).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_waits_for_the_mail_server_and_is_not_doubled(pool: PgPool) {
    let fates = [Fate::Busy, Fate::Greylisted, Fate::DiesAfterData];
    let mailbox = Mailbox::new(&fates).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    assert_eq!(ask(&visitor, "", None).await.status(), 204);
    for failures in 1..=3 {
        let failed =
            "SELECT count(*) FROM transcript_mails WHERE attempts > 0 AND leased_until IS NULL";
        until(&pool, failed, 1).await;
        let attempts: i32 = sqlx::query_scalar("SELECT attempts FROM transcript_mails")
            .fetch_one(&pool)
            .await
            .unwrap();
        if attempts < failures {
            // The attempt before was seen; this one has not ended yet.
            let next = "SELECT max(attempts)::int8 FROM transcript_mails";
            until(&pool, next, failures.into()).await;
        }
        assert_eq!(metric(&app, "support_chat_mails_failing").await, "1");
        change(
            &pool,
            "UPDATE transcript_mails SET due_at = now(), delayed_at = NULL",
        )
        .await;
    }
    // The first of the two was accepted, and that was not heard.
    let mails = mailbox.mails(2).await;
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    until(&pool, DONE, 1).await;
    assert_eq!(metric(&app, "support_chat_mails_failing").await, "0");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_address_that_is_refused_gets_nothing_more_and_a_deleted_one_nothing_at_all(
    pool: PgPool,
) {
    let mailbox = Mailbox::new(&[Fate::AddressRefused]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "nobody@example.org").await;
    assert_eq!(ask(&visitor, "", None).await.status(), 204);
    until(
        &pool,
        "SELECT count(*) FROM mail_addresses WHERE is_refused",
        1,
    )
    .await;
    until(&pool, DONE, 1).await;
    expect_problem(ask(&visitor, "", None).await, 422, "invalid_field").await;
    assert_eq!(notices(&pool).await, Vec::<String>::new());
    app.stop().await;

    // Nobody listens there.
    let app = TestApp::spawn(mailing(&pool, "smtp://127.0.0.1:1", &[])).await;
    for erases in [false, true] {
        let visitor = reachable(&app, "ada@example.org").await;
        assert_eq!(ask(&visitor, "", None).await.status(), 204);
        until(&pool, WAITING, 1).await;
        if erases {
            let erased = visitor.request(Method::DELETE, "").send().await.unwrap();
            assert_eq!(erased.status(), 204);
        } else {
            assert_eq!(forget_email(&visitor).await.status(), 204);
        }
        until(&pool, WAITING, 0).await;
    }
}
