//! One visitor's data, which an operator prints or erases.

use super::*;
use crate::{common::Visitor, erase_session::everything};

const ADDRESS: &str = "zebra@example.com";

async fn zebra(app: &TestApp) -> Visitor<'_> {
    let creation = app.create(json!({
        "initialMessage": "Zebra one\n## Zebra two", "visitorName": "Zebra Ada", "visitorEmail": ADDRESS,
        "sourceUrl": "https://zebra.example/", "pageTitle": "Zebra page",
    }));
    let visitor = Visitor::from_creation(app, expect(creation.await, 201).await);
    let rating = json!({ "rating": "bad", "comment": "Zebra comment" });
    let request = visitor
        .request(reqwest::Method::PUT, "/rating")
        .json(&rating);
    assert_eq!(request.send().await.unwrap().status(), 204);
    visitor
}

#[sqlx::test(migrations = "../migrations")]
async fn an_export_has_all_that_is_kept_of_the_visitor_and_nobody_else(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = zebra(&app).await;
    app.visitor("Of somebody else").await;
    let config = config(&pool, &[]);

    let json = operate(&config, "visitor export --email ZEBRA@Example.com")
        .await
        .unwrap();
    let document: Value = serde_json::from_str(&json).unwrap();
    let conversations = document["conversations"].as_array().unwrap();
    assert_eq!(conversations.len(), 1);
    let of = &conversations[0];
    assert_eq!(of["sessionId"], *visitor.session_id);
    assert_eq!(of["messages"][0]["text"], "Zebra one\n## Zebra two");
    assert_eq!(of["messages"][0]["by"], "visitor");
    for (field, value) in [
        ("name", "Zebra Ada"),
        ("email", ADDRESS),
        ("page", "https://zebra.example/"),
        ("pageTitle", "Zebra page"),
        ("rating", "bad"),
        ("ratingComment", "Zebra comment"),
    ] {
        assert_eq!(of[field], value, "{field}");
    }
    let line = format!(
        "visitor export --session {} --format text",
        visitor.session_id
    );
    let text = operate(&config, &line).await.unwrap();
    assert!(
        text.contains("visitor: Zebra one\n    ## Zebra two\n"),
        "{text}"
    );
    assert!(
        text.contains("Comment on the rating: Zebra comment\n"),
        "{text}"
    );
    assert!(!json.contains("somebody else") && !text.contains("somebody else"));
    let nobody = operate(&config, "visitor export --email nobody@example.com").await;
    assert!(
        nobody
            .unwrap_err()
            .1
            .contains("no conversation of this address")
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn an_export_without_the_room_says_so_and_fails(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = zebra(&app).await;
    give_room(&pool, &visitor.session_id, "K7F2").await;
    let (out, why) = operate(&config(&pool, &[]), "visitor export --session K7F2")
        .await
        .unwrap_err();
    assert!(why.contains("not complete"), "{why}");
    let document: Value = serde_json::from_str(&out).unwrap();
    let of = &document["conversations"][0];
    assert!(of["matrix"][0]["unread"].is_string(), "{of}");
    assert_eq!(of["messages"][0]["text"], "Zebra one\n## Zebra two");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_erasure_leaves_no_word_and_says_what_it_does_not_reach(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = zebra(&app).await;
    let other = app.visitor("Of somebody else").await;
    give_room(&pool, &visitor.session_id, "K7F2").await;
    let config = config(&pool, &[]);
    let line = format!("visitor erase --email {ADDRESS}");
    let dry = operate(&config, &format!("{line} --dry-run"))
        .await
        .unwrap();
    assert!(
        dry.contains(&*visitor.session_id) && dry.contains("Nothing was erased"),
        "{dry}"
    );
    assert_eq!(visitor.messages(None).await.len(), 1);

    let said = operate(&config, &line).await.unwrap();
    let all = everything(&pool).await;
    assert!(!all.to_lowercase().contains("zebra"), "{all}");
    for named in [
        "!K7F2:localhost",
        "redaction_retention_period",
        "event_search",
        "/_synapse/admin/v2/rooms/%21K7F2%3Alocalhost",
    ] {
        assert!(said.contains(named), "{named}: {said}");
    }
    expect_problem(visitor.poll(None).await, 404, "session_not_found").await;
    assert_eq!(other.messages(None).await.len(), 1);
    let list = listed(&pool, "outbox list --session K7F2 --json").await;
    let kinds: Vec<_> = list
        .iter()
        .map(|task| task["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.ends_with(&["erase", "notice"]), "{kinds:?}");
    // What was interrupted, or began before a room could be reached, is begun again; the room is told once.
    operate(&config, "visitor erase --session K7F2")
        .await
        .unwrap();
    let list = listed(&pool, "outbox list --session K7F2 --json").await;
    let kinds: Vec<_> = list
        .iter()
        .map(|task| task["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.ends_with(&["erase"]), "{kinds:?}");
    let reopen = operate(&config, "sessions reopen K7F2").await.unwrap_err();
    assert!(reopen.1.contains("was erased"), "{reopen:?}");
}

/// A table that names a conversation is either emptied by the erasure, or has nothing that its visitor said.
#[sqlx::test(migrations = "../migrations")]
async fn no_table_is_forgotten_by_the_erasure(pool: PgPool) {
    const KEPT: [&str; 10] = [
        "administrations",
        "archived_rooms",
        "desk_lines",
        "former_rooms",
        "idempotency_keys",
        "mails_sent",
        "matrix_events",
        "recovery_rooms",
        "staff_members",
        "staff_told",
    ];
    let source = include_str!("../../../src/storage/erasure.rs");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'session_id' ORDER BY table_name",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(tables.len() > KEPT.len());
    for table in tables {
        let is_emptied = source.contains(&format!("DELETE FROM {table} WHERE session_id"));
        assert!(
            is_emptied || KEPT.contains(&&*table),
            "what becomes of {table}?"
        );
    }
}

/// How many erasures are queued once a server with these variables has looked for what is old.
async fn erasures(pool: &PgPool, extra: &[(&str, &str)]) -> i64 {
    let app = TestApp::spawn(config(pool, extra)).await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    let emptied = "SELECT count(*) FROM sessions WHERE NOT emptied";
    while sqlx::query_scalar::<_, i64>(emptied)
        .fetch_one(pool)
        .await
        .unwrap()
        > 0
    {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // When the server stops, its turn of housekeeping is over.
    app.stop().await;
    sqlx::query_scalar("SELECT count(*) FROM outbox WHERE kind = 'erase'")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn retention_erases_at_the_homeserver_where_it_is_asked_to(pool: PgPool) {
    sqlx::query(
        "INSERT INTO sessions (id, active_at, closed_at, room_id)
         SELECT gen_random_uuid(), now() - interval '3 days', now() - interval '3 days', '!' || n || ':localhost' FROM generate_series(1, 12) n",
    )
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO sessions (id, active_at, closed_at)
                 VALUES (gen_random_uuid(), now() - interval '4 days', now() - interval '4 days')",
    )
    .execute(&pool)
    .await
    .unwrap();
    let off = [("SUPPORT_CHAT_RETENTION", "1h")];
    assert_eq!(erasures(&pool, &off).await, 0);
    // Also what retention emptied before; a few at a time, so that nothing that visitors write waits for them.
    let on = [
        ("SUPPORT_CHAT_RETENTION", "1h"),
        ("SUPPORT_CHAT_RETENTION_MATRIX", "on"),
    ];
    assert_eq!(erasures(&pool, &on).await, 10);
    assert_eq!(erasures(&pool, &on).await, 10);
    sqlx::query("DELETE FROM outbox")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(erasures(&pool, &on).await, 2);
}
