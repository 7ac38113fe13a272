//! Resuming a conversation with a code.

use reqwest::{Method, Response};
use serde_json::json;
use sqlx::PgPool;

use super::{forget_email, mailbox::Mailbox, mailing, notices, reachable, reply, set_email, until};
use crate::{
    common::{TestApp, Visitor, expect},
    problem::expect_problem,
};

pub(super) async fn resume(app: &TestApp, code: &str, key: Option<&str>) -> Response {
    let request = app.api(Method::POST, "/sessions/resume");
    let request = request.json(&json!({ "code": code }));
    let request = match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    };
    request.send().await.unwrap()
}

/// A visitor who was mailed, and the code.
async fn mailed<'a>(pool: &PgPool, app: &'a TestApp, mailbox: &Mailbox) -> (Visitor<'a>, String) {
    let before = mailbox.received().len();
    let visitor = reachable(app, "ada@example.org").await;
    reply(pool, &visitor.session_id, "We are here.").await;
    let code = mailbox.mails(before + 1).await[before].code();
    until(pool, "SELECT count(*) FROM mails", 0).await;
    (visitor, code)
}

/// The visitor with the token of an answer.
async fn resumed(app: &TestApp, response: Response) -> Visitor<'_> {
    let answer = expect(response, 201).await;
    assert_eq!(answer["messages"], json!([]));
    let text = |name: &str| answer[name].as_str().expect(name).to_owned();
    Visitor {
        app,
        session_id: text("sessionId"),
        token: text("token"),
        first_message_id: String::new(),
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_code_opens_its_conversation_once_beside_the_old_tab(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let (old, code) = mailed(&pool, &app, &mailbox).await;
    let new = resumed(&app, resume(&app, &code, Some("k")).await).await;
    assert_eq!(new.session_id, old.session_id);
    assert_ne!(new.token, old.token);
    for visitor in [&old, &new] {
        let texts = visitor.messages(None).await;
        assert_eq!(texts[1]["body"], "We are here.");
        expect(visitor.send("Thank you").await, 201).await;
    }
    // Repeating the request gives a token that works; any other request does not.
    let again = resumed(&app, resume(&app, &code, Some("k")).await).await;
    assert_eq!(again.messages(None).await.len(), 4);
    for key in [None, Some("other")] {
        expect_problem(resume(&app, &code, key).await, 404, "resume_code_unknown").await;
    }
    let (_, other) = mailed(&pool, &app, &mailbox).await;
    let reused = resume(&app, &other, Some("k")).await;
    expect_problem(reused, 422, "idempotency_key_reused").await;
    assert_eq!(resume(&app, &other, Some("k2")).await.status(), 201);
}

#[sqlx::test(migrations = "../migrations")]
async fn two_at_once_are_one(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let (_, code) = mailed(&pool, &app, &mailbox).await;
    let answers = futures_util::future::join_all((0..6).map(|_| resume(&app, &code, None))).await;
    let opened = answers
        .iter()
        .filter(|answer| answer.status() == 201)
        .count();
    assert_eq!(opened, 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn codes_that_do_not_count_are_unknown(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let foreign = "A".repeat(43);
    for code in ["", "x", "../../etc/passwd", &foreign] {
        expect_problem(resume(&app, code, None).await, 404, "resume_code_unknown").await;
    }
    for body in [json!({}), json!({ "code": 5 }), json!(["x"])] {
        let request = app.api(Method::POST, "/sessions/resume").json(&body);
        expect_problem(request.send().await.unwrap(), 400, "malformed_request").await;
    }
    // Another address replaces the one to which the code was mailed. Replies that were fetched are
    // not mailed there.
    let (visitor, code) = mailed(&pool, &app, &mailbox).await;
    visitor.messages(None).await;
    until(
        &pool,
        "SELECT count(*) FROM sessions WHERE fetched_seq IS NOT NULL",
        1,
    )
    .await;
    assert_eq!(
        set_email(&visitor, "ADA@example.org").await.status(),
        204,
        "the same"
    );
    assert_eq!(set_email(&visitor, "eve@example.org").await.status(), 204);
    expect_problem(resume(&app, &code, None).await, 404, "resume_code_unknown").await;
    // The code is deleted.
    let (visitor, code) = mailed(&pool, &app, &mailbox).await;
    assert_eq!(forget_email(&visitor).await.status(), 204);
    expect_problem(resume(&app, &code, None).await, 404, "resume_code_unknown").await;
    // The code is too old.
    let (_, code) = mailed(&pool, &app, &mailbox).await;
    sqlx::query("UPDATE resume_codes SET created_at = now() - interval '7 days 1 minute'")
        .execute(&pool)
        .await
        .unwrap();
    expect_problem(resume(&app, &code, None).await, 404, "resume_code_unknown").await;
    // Postgres does not contain the code itself.
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("SELECT code_digest FROM resume_codes")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert!(
        kept.iter()
            .all(|digest| digest.len() == 32 && digest != code.as_bytes())
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn what_ended_without_the_visitor_goes_on(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    for end in [
        "UPDATE sessions SET active_at = now() - interval '25 hours'",
        "UPDATE sessions SET closed_at = now(), closed_by_staff_at = now()",
    ] {
        let (_, code) = mailed(&pool, &app, &mailbox).await;
        sqlx::query(end).execute(&pool).await.unwrap();
        let visitor = resumed(&app, resume(&app, &code, None).await).await;
        assert_eq!(visitor.messages(None).await.len(), 2);
        expect(visitor.send("Still here").await, 201).await;
        let told = notices(&pool).await;
        assert!(
            told.last().unwrap().contains("come back by the link"),
            "{told:?}"
        );
    }
    let (visitor, code) = mailed(&pool, &app, &mailbox).await;
    assert_eq!(visitor.close().await.status(), 204);
    expect_problem(resume(&app, &code, None).await, 410, "session_closed").await;
}
