use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
};

async fn rate(visitor: &Visitor<'_>, body: Value) -> Response {
    let request = visitor.request(Method::PUT, "/rating").json(&body);
    request.send().await.unwrap()
}

type Stored = (String, Option<String>);

async fn stored(pool: &PgPool) -> Option<Stored> {
    sqlx::query_as("SELECT rating, comment FROM ratings")
        .fetch_optional(pool)
        .await
        .unwrap()
}

fn rated(rating: &str, comment: Option<&str>) -> Stored {
    (rating.to_owned(), comment.map(str::to_owned))
}

async fn tasks(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM outbox WHERE kind = 'rating'")
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn change(pool: &PgPool, set: &str) {
    let change = sqlx::AssertSqlSafe(format!("UPDATE sessions SET {set}"));
    sqlx::query(change).execute(pool).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_rating_takes_the_place_of_the_one_before(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    for (body, expected) in [
        (
            json!({ "rating": "good", "comment": " Quick ", "unknown": 1 }),
            rated("good", Some(" Quick ")),
        ),
        (
            json!({ "rating": "good", "comment": " " }),
            rated("good", None),
        ),
        (
            json!({ "rating": "bad", "comment": null }),
            rated("bad", None),
        ),
        (json!({ "rating": "bad" }), rated("bad", None)),
    ] {
        let response = rate(&visitor, body).await;
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.bytes().await.unwrap().len(), 0);
        assert_eq!(stored(&pool).await, Some(expected));
    }
    assert_eq!(
        tasks(&pool).await,
        1,
        "the first one will tell what is so then"
    );
    let metrics = app.metrics().await;
    for rating in ["good", "bad"] {
        let counted = metrics[&format!("support_chat_ratings_total{{rating=\"{rating}\"}}")];
        assert!((counted - 1.0).abs() < f64::EPSILON, "{rating}: {counted}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_being_told_is_told_again_when_it_changes(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    assert_eq!(
        rate(&visitor, json!({ "rating": "good" })).await.status(),
        204
    );
    sqlx::query("UPDATE outbox SET attempts = 1 WHERE kind = 'rating'")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        rate(&visitor, json!({ "rating": "good" })).await.status(),
        204
    );
    assert_eq!(tasks(&pool).await, 1, "nothing has changed");
    assert_eq!(
        rate(&visitor, json!({ "rating": "bad" })).await.status(),
        204
    );
    assert_eq!(tasks(&pool).await, 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn for_a_day_after_the_end_a_conversation_can_be_rated(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    assert_eq!(visitor.close().await.status(), 204);
    assert_eq!(
        rate(&visitor, json!({ "rating": "good" })).await.status(),
        204
    );
    change(&pool, "closed_at = now() - interval '23 hours 59 minutes'").await;
    assert_eq!(
        rate(&visitor, json!({ "rating": "bad" })).await.status(),
        204
    );
    change(&pool, "closed_at = now() - interval '24 hours'").await;
    let late = rate(&visitor, json!({ "rating": "good" })).await;
    expect_problem(late, 410, "session_closed").await;
    change(
        &pool,
        "closed_at = NULL, active_at = now() - interval '47 hours 59 minutes'",
    )
    .await;
    assert_eq!(
        rate(&visitor, json!({ "rating": "good" })).await.status(),
        204
    );
    change(&pool, "active_at = now() - interval '48 hours'").await;
    let late = rate(&visitor, json!({ "rating": "bad" })).await;
    expect_problem(late, 410, "session_expired").await;
    assert_eq!(stored(&pool).await, Some(rated("good", None)));
}

/// A rating does not create a room, so nothing is queued.
#[sqlx::test(migrations = "../migrations")]
async fn a_rating_makes_no_room(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    assert_eq!(visitor.close().await.status(), 204);
    sqlx::query("DELETE FROM outbox")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        rate(&visitor, json!({ "rating": "good" })).await.status(),
        204
    );
    assert_eq!(tasks(&pool).await, 0);
    assert_eq!(stored(&pool).await, Some(rated("good", None)));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_no_rating_is_refused_and_changes_nothing(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    for comment in ["a\nb", "\u{2028}", "\u{0}", &"x".repeat(501)] {
        let body = json!({ "rating": "good", "comment": comment });
        let problem = expect_problem(rate(&visitor, body).await, 422, "invalid_field").await;
        assert_eq!(problem["errors"][0]["field"], "comment");
    }
    for body in [
        json!({}),
        json!({ "rating": null }),
        json!({ "rating": "Good" }),
        json!({ "rating": 5 }),
        json!({ "rating": { "good": null } }),
        json!({ "rating": ["good"] }),
        json!({ "rating": "good", "comment": 5 }),
        json!(["good"]),
    ] {
        expect_problem(rate(&visitor, body).await, 400, "malformed_request").await;
    }
    let path = format!("/sessions/{}/rating", visitor.session_id);
    let nobody = app
        .api(Method::PUT, &path)
        .json(&json!({ "rating": "good" }));
    expect_problem(nobody.send().await.unwrap(), 401, "invalid_token").await;
    let text = visitor
        .request(Method::PUT, "/rating")
        .body("x")
        .send()
        .await;
    expect_problem(text.unwrap(), 415, "unsupported_media_type").await;
    assert_eq!((stored(&pool).await, tasks(&pool).await), (None, 0));
}

/// Whether there is a session, whose it is, and whether it is over comes before what is wrong with the comment.
#[sqlx::test(migrations = "../migrations")]
async fn a_bad_comment_matters_only_where_the_conversation_can_be_rated(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let (visitor, other) = (app.visitor("Hello").await, app.visitor("Hello").await);
    let bad = json!({ "rating": "good", "comment": "a\nb" });
    let ask = async |id: &str, token: &str| {
        let path = format!("/sessions/{id}/rating");
        let request = app.api(Method::PUT, &path).bearer_auth(token).json(&bad);
        request.send().await.unwrap()
    };
    let nowhere = uuid::Uuid::new_v4().to_string();
    expect_problem(
        ask(&nowhere, &visitor.token).await,
        404,
        "session_not_found",
    )
    .await;
    let foreign = ask(&visitor.session_id, &other.token).await;
    expect_problem(foreign, 401, "invalid_token").await;
    assert_eq!(visitor.close().await.status(), 204);
    expect_problem(rate(&visitor, bad.clone()).await, 422, "invalid_field").await;
    change(&pool, "closed_at = now() - interval '24 hours'").await;
    expect_problem(rate(&visitor, bad.clone()).await, 410, "session_closed").await;
    change(
        &pool,
        "closed_at = NULL, active_at = now() - interval '48 hours'",
    )
    .await;
    expect_problem(rate(&visitor, bad.clone()).await, 410, "session_expired").await;
    assert_eq!((stored(&pool).await, tasks(&pool).await), (None, 0));
}

#[sqlx::test(migrations = "../migrations")]
async fn changing_it_again_and_again_counts_as_messages_do(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "2")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let visitor = app.visitor("Hello").await;
    for rating in ["good", "good", "bad", "bad"] {
        assert_eq!(
            rate(&visitor, json!({ "rating": rating })).await.status(),
            204
        );
    }
    let again = rate(&visitor, json!({ "rating": "good" })).await;
    expect_problem(again, 429, "rate_limited").await;
    assert_eq!(stored(&pool).await, Some(rated("bad", None)));
}

#[sqlx::test(migrations = "../migrations")]
async fn where_nobody_asks_there_is_nothing_to_rate(pool: PgPool) {
    let availability = async |app: &TestApp| {
        let answer = app.api(Method::GET, "/availability").send().await;
        expect(answer.unwrap(), 200).await["rating"].clone()
    };
    let app = TestApp::spawn(config(&pool, &[])).await;
    assert_eq!(availability(&app).await, true);
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_RATING", "off")])).await;
    assert_eq!(availability(&app).await, Value::Null);
    let visitor = app.visitor("Hello").await;
    let refused = rate(&visitor, json!({ "rating": "good" })).await;
    expect_problem(refused, 404, "not_found").await;
    assert_eq!(stored(&pool).await, None);
}
