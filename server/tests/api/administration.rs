//! What operators do at the command line while a server runs on the same database.

mod visitor;

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{TestApp, config, expect},
    operator::operate,
    problem::expect_problem,
};

async fn listed(pool: &PgPool, line: &str) -> Vec<Value> {
    let said = operate(&config(pool, &[]), line).await.unwrap();
    serde_json::from_str(&said).unwrap()
}

/// Who did what to which conversation, as it was recorded.
async fn recorded(pool: &PgPool) -> Vec<(String, Option<uuid::Uuid>)> {
    sqlx::query_as(
        "SELECT action, session_id FROM administrations WHERE operator <> '' ORDER BY id",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

/// As if the homeserver had made the room: the conversation has a code, and nothing waits for the room any more.
async fn give_room(pool: &PgPool, session_id: &str, code: &str) {
    sqlx::query(
        "UPDATE sessions SET code = $2, room_id = '!' || $2 || ':localhost' WHERE id = $1::uuid",
    )
    .bind(session_id)
    .bind(code)
    .execute(pool)
    .await
    .unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn conversations_are_listed_shown_ended_and_reopened(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Zebra").await;
    let other = app.visitor("Zebra too").await;
    let id = &visitor.session_id;
    give_room(&pool, id, "K7F2").await;
    let config = config(&pool, &[]);

    let list = operate(&config, "sessions list").await.unwrap();
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(
        list.contains(id.as_str()) && list.contains("K7F2"),
        "{list}"
    );
    let shown = operate(&config, "sessions show k7f2").await.unwrap();
    for said in [list, shown.clone()] {
        assert!(!said.contains("Zebra"), "{said}");
    }
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["sessionId"], **id);
    assert_eq!(shown["state"], "open");
    assert_eq!(shown["texts"], json!({ "visitor": 1, "staff": 0 }));

    let closed = operate(&config, &format!("sessions close {id}"))
        .await
        .unwrap();
    assert!(closed.contains("it has ended"), "{closed}");
    expect_problem(visitor.send("more").await, 410, "session_closed").await;
    expect(other.send("more").await, 201).await;
    let again = operate(&config, "sessions close K7F2").await.unwrap();
    assert!(again.contains("had ended before"), "{again}");
    let ended = listed(&pool, "sessions list --ended --json").await;
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!(
        (&ended[0]["state"], &ended[0]["code"]),
        (&json!("closed"), &json!("K7F2"))
    );
    let open = listed(&pool, "sessions list --open --json").await;
    assert_eq!(open[0]["sessionId"], *other.session_id);

    let reopened = operate(&config, "sessions reopen K7F2").await.unwrap();
    assert!(reopened.contains("it goes on"), "{reopened}");
    expect(visitor.send("more").await, 201).await;
    let unknown = operate(&config, "sessions close NONE").await.unwrap_err();
    assert_eq!(unknown.1, "there is no conversation NONE");
    let session = Some(id.parse().unwrap());
    assert_eq!(
        recorded(&pool).await,
        [
            ("sessions close".to_owned(), session),
            ("sessions reopen".to_owned(), session)
        ]
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn the_desk_and_the_server_s_log_are_told_of_what_an_operator_did(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Zebra").await;
    give_room(&pool, &visitor.session_id, "K7F2").await;
    sqlx::query("INSERT INTO desk_rooms (room_id) VALUES ('!desk:localhost')")
        .execute(&pool)
        .await
        .unwrap();
    app.stop().await;
    let desk = [
        ("MATRIX_SUPPORT_DESK", "on"),
        ("SUPPORT_CHAT_STAFF_LANGUAGE", "de"),
    ];
    operate(&config(&pool, &desk), "sessions close K7F2")
        .await
        .unwrap();
    let told: Vec<String> =
        sqlx::query_scalar("SELECT body FROM desk_messages WHERE kind = 'alert'")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(
        told,
        ["Ein Administrator hat `sessions close` für die Unterhaltung K7F2 ausgeführt."]
    );

    // A server takes it into its log as soon as one runs.
    let app = TestApp::spawn(config(&pool, &[])).await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    let logged = "SELECT count(*) FROM administrations WHERE logged_at IS NOT NULL";
    while sqlx::query_scalar::<_, i64>(logged)
        .fetch_one(&pool)
        .await
        .unwrap()
        == 0
    {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    app.stop().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn what_waits_is_listed_tried_at_once_and_dropped(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let session_id = app.visitor("Zebra").await.session_id;
    app.stop().await;
    // No server is at work on anything any more, and the next attempt is far away.
    sqlx::query("UPDATE outbox SET leased_until = NULL, due_at = now() + interval '4 min', delayed_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    let config = config(&pool, &[]);
    let list = operate(&config, "outbox list").await.unwrap();
    assert!(!list.contains("Zebra"), "{list}");
    let list = listed(&pool, &format!("outbox list --session {session_id} --json")).await;
    let kinds: Vec<_> = list
        .iter()
        .map(|task| task["kind"].as_str().unwrap())
        .collect();
    assert!(
        kinds.first() == Some(&"create_room") && kinds.last() == Some(&"message"),
        "{kinds:?}"
    );
    assert_eq!(list.last().unwrap()["state"], "behind others");

    let retried = operate(&config, "outbox retry all").await.unwrap();
    assert_eq!(retried, format!("{} will be tried at once.\n", list.len()));
    let due: bool =
        sqlx::query_scalar("SELECT bool_and(due_at <= now() AND delayed_at IS NULL) FROM outbox")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert!(due);

    let id = |kind: &str| {
        let task = list.iter().find(|task| task["kind"] == kind).unwrap();
        task["id"].as_str().unwrap().to_owned()
    };
    let needed = operate(&config, &format!("outbox drop {}", id("create_room"))).await;
    assert!(needed.unwrap_err().1.contains("need the room"));
    let message = format!("outbox drop {}", id("message"));
    sqlx::query("UPDATE outbox SET leased_until = now() + interval '5 s' WHERE kind = 'message'")
        .execute(&pool)
        .await
        .unwrap();
    assert!(
        operate(&config, &message)
            .await
            .unwrap_err()
            .1
            .contains("sending it")
    );
    sqlx::query("UPDATE outbox SET leased_until = NULL")
        .execute(&pool)
        .await
        .unwrap();
    operate(&config, &message).await.unwrap();
    let unknown = operate(&config, &message).await.unwrap_err().1;
    assert!(unknown.contains("does not wait"), "{unknown}");
    assert!(
        operate(&config, &format!("outbox retry {}", id("message")))
            .await
            .is_err()
    );
    let (delivery, failed_seq): (String, Option<i64>) = sqlx::query_as(
        "SELECT delivery, failed_seq FROM messages JOIN sessions ON sessions.id = session_id",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!((&*delivery, failed_seq), ("failed", Some(1)));
}

#[sqlx::test(migrations = "../migrations")]
async fn addresses_are_blocked_and_set_free(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let begin = || app.create(json!({ "initialMessage": "Hello" }));
    let config = config(&pool, &[]);
    operate(&config, "block add --address 127.0.0.1 --for 7days")
        .await
        .unwrap();
    expect_problem(begin().await, 403, "blocked").await;
    let blocks = listed(&pool, "block list --json").await;
    let digest = blocks[0]["digest"].as_str().unwrap();
    operate(&config, &format!("block remove --digest {}", &digest[..16]))
        .await
        .unwrap();
    expect(begin().await, 201).await;

    let id = &visitor.session_id;
    operate(&config, &format!("block add --session {id} --for 1h"))
        .await
        .unwrap();
    expect_problem(begin().await, 403, "blocked").await;
    operate(&config, "block remove --address 127.0.0.1")
        .await
        .unwrap();
    expect(begin().await, 201).await;
    let none = operate(&config, &format!("block remove --session {id}"))
        .await
        .unwrap_err();
    assert_eq!(none.1, "this address is not blocked");
}
