//! The parts of an answer to a poll besides messages: how far they have come, and who is typing. The tests call what
//! the relay calls after the homeserver's answers.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use server::{
    relay::queue::{self, Claim, End, Lane, Outcome},
    storage::signals,
};
use sqlx::PgPool;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    common::{ORIGIN, TestApp, Visitor, config, expect},
    problem::expect_problem,
};

/// The longest wait, on the slowest machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// A conversation that another server began, with everything that is needed to continue it.
struct Begun {
    session_id: Uuid,
    token: String,
    /// The ids of the visitor's messages.
    ids: Vec<String>,
    /// The tasks for the homeserver, in their order.
    claims: Vec<Claim>,
}

impl Begun {
    /// A conversation of this many messages, none of which is sent by a server.
    async fn new(pool: &PgPool, messages: usize) -> Self {
        let app = TestApp::spawn(config(pool, &[])).await;
        let visitor = app.visitor("1").await;
        let mut ids = vec![visitor.first_message_id.clone()];
        for n in 2..=messages {
            let sent = expect(visitor.send(&n.to_string()).await, 201).await;
            ids.push(sent["messageId"].as_str().unwrap().to_owned());
        }
        let session_id = visitor.session_id.parse().unwrap();
        let token = visitor.token.clone();
        app.stop().await;
        for statement in [
            "DELETE FROM outbox WHERE kind <> 'message'",
            "UPDATE outbox SET due_at = now(), leased_until = NULL",
        ] {
            sqlx::query(statement).execute(pool).await.unwrap();
        }
        let claims = queue::claim(pool, Lane::Messages, 1).await.unwrap();
        assert_eq!(claims.len(), 1);
        Self {
            session_id,
            token,
            ids,
            claims,
        }
    }

    fn at<'a>(&self, app: &'a TestApp) -> Visitor<'a> {
        Visitor {
            app,
            session_id: self.session_id.to_string(),
            token: self.token.clone(),
            first_message_id: self.ids[0].clone(),
        }
    }

    /// Ends the next message with this outcome, and claims the task behind it.
    async fn end_next(&mut self, pool: &PgPool, outcome: Outcome) {
        let claim = self.claims.remove(0);
        let after = claim.position;
        let end = End {
            claim,
            outcome,
            after,
            limit: 1,
        };
        let finished = queue::finish(pool, &[end]).await.unwrap();
        assert!(finished[0].message_ended);
        self.claims
            .extend(finished.into_iter().flat_map(|it| it.next));
    }

    async fn sent(&mut self, pool: &PgPool) {
        let event_id = format!("${}", Uuid::new_v4().simple());
        self.end_next(pool, Outcome::Sent(event_id)).await;
    }

    /// The events of the visitor's messages, in their order.
    async fn events(&self, pool: &PgPool) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT event_id FROM matrix_events JOIN messages ON messages.id = message_id
             WHERE matrix_events.session_id = $1 ORDER BY seq",
        )
        .bind(self.session_id)
        .fetch_all(pool)
        .await
        .unwrap()
    }

    async fn read(&self, pool: &PgPool, events: &[String]) -> Vec<String> {
        signals::read_up_to(pool, self.session_id, events)
            .await
            .unwrap()
    }
}

async fn poll(visitor: &Visitor<'_>, query: &str) -> Value {
    let request = visitor.request(Method::GET, &format!("/messages{query}"));
    expect(request.send().await.unwrap(), 200).await
}

/// Waits until both servers get notifications, which is soon after their start.
async fn until_heard(pool: &PgPool, session_id: Uuid, visitors: &[&Visitor<'_>]) {
    let deadline = Instant::now() + DEADLINE;
    for visitor in visitors {
        for typing in [true, false] {
            while poll(visitor, "").await["staffTyping"].is_boolean() != typing {
                assert!(Instant::now() < deadline, "nothing is heard");
                let told = signals::tell_typing(pool, session_id, typing).await;
                told.unwrap();
            }
        }
    }
}

fn state(answer: &Value) -> &str {
    answer["state"].as_str().expect("a state")
}

#[sqlx::test(migrations = "../migrations")]
async fn delivered_is_up_to_where_all_were_accepted(pool: PgPool) {
    let mut begun = Begun::new(&pool, 4).await;
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = begun.at(&app);
    let last = format!("?after={}", begun.ids[3]);
    let nothing = poll(&visitor, &last).await;
    assert_eq!(nothing["marks"], Value::Null);
    let mut states = vec![state(&nothing).to_owned()];
    for n in 0..2 {
        begun.sent(&pool).await;
        // Whatever its snapshot was, this server gets the notification.
        let deadline = Instant::now() + DEADLINE;
        let expected = json!({ "delivered": begun.ids[n] });
        loop {
            let answer = poll(&visitor, &last).await;
            if answer["marks"] == expected {
                states.push(state(&answer).to_owned());
                break;
            }
            assert!(Instant::now() < deadline, "{answer}");
        }
        let from_the_start = poll(&visitor, "").await;
        assert_eq!(from_the_start["marks"], expected);
        assert_eq!(from_the_start["messages"][n]["delivery"], "delivered");
    }
    states.dedup();
    assert_eq!(states.len(), 3, "each has its own");
    // Messages behind one that can never be delivered do not count as all delivered.
    begun.end_next(&pool, Outcome::Failed).await;
    begun.sent(&pool).await;
    let answer = poll(&visitor, "").await;
    assert_eq!(answer["messages"][3]["delivery"], "delivered");
    assert_eq!(answer["marks"], json!({ "delivered": begun.ids[1] }));
}

#[sqlx::test(migrations = "../migrations")]
async fn seen_is_the_newest_message_that_was_read_and_only_grows(pool: PgPool) {
    let mut begun = Begun::new(&pool, 3).await;
    for _ in 0..3 {
        begun.sent(&pool).await;
    }
    let events = begun.events(&pool).await;
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = begun.at(&app);
    let seen = async || poll(&visitor, "").await["marks"]["seen"].take();
    assert_eq!(seen().await, Value::Null);
    let stranger = Uuid::new_v4();
    let known = signals::read_up_to(&pool, stranger, &events).await.unwrap();
    assert!(known.is_empty(), "another conversation's");
    assert!(begun.read(&pool, &["$unknown".to_owned()]).await.is_empty());
    assert_eq!(seen().await, Value::Null);
    for (read, expected) in [(1, 1), (0, 1), (2, 2), (1, 2)] {
        assert!(signals::has_unread(&pool, begun.session_id).await.unwrap() || expected == 2);
        let known = begun.read(&pool, &events[read..=read]).await;
        assert_eq!(known, events[read..=read]);
        assert_eq!(seen().await, json!(begun.ids[expected]), "read {read}");
    }
    assert!(!signals::has_unread(&pool, begun.session_id).await.unwrap());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_poll_that_knows_the_state_is_answered_when_it_changes(pool: PgPool) {
    let mut begun = Begun::new(&pool, 2).await;
    let (here, there) = (
        TestApp::spawn(config(&pool, &[])).await,
        TestApp::spawn(config(&pool, &[])).await,
    );
    let (visitor, elsewhere) = (begun.at(&here), begun.at(&there));
    until_heard(&pool, begun.session_id, &[&visitor, &elsewhere]).await;
    let last = begun.ids[1].clone();
    let mut known = state(&poll(&visitor, &format!("?after={last}")).await).to_owned();
    for step in ["delivered", "seen", "typing", "quiet"] {
        let query = format!("?after={last}&wait=25&state={known}");
        let began = Instant::now();
        let waiting = async { tokio::join!(poll(&visitor, &query), poll(&elsewhere, &query)) };
        let change = async {
            match step {
                "delivered" => begun.sent(&pool).await,
                "seen" => {
                    let events = begun.events(&pool).await;
                    begun.read(&pool, &events).await;
                }
                typing => {
                    let typing = typing == "typing";
                    let told = signals::tell_typing(&pool, begun.session_id, typing).await;
                    told.unwrap();
                }
            }
        };
        let ((one, other), ()) = timeout(DEADLINE, async { tokio::join!(waiting, change) })
            .await
            .unwrap();
        assert_eq!(one, other, "both servers say the same after {step}");
        assert_ne!(state(&one), known, "{step}");
        assert_eq!(one["messages"], json!([]));
        assert_eq!(one["staffTyping"] == json!(true), step == "typing");
        assert!(began.elapsed() < Duration::from_secs(24), "woken by {step}");
        known = state(&one).to_owned();
    }
    let marks = json!({ "delivered": begun.ids[0], "seen": begun.ids[0] });
    assert_eq!(poll(&visitor, "").await["marks"], marks);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_poll_without_a_state_is_woken_by_messages_only(pool: PgPool) {
    let mut begun = Begun::new(&pool, 1).await;
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = begun.at(&app);
    until_heard(&pool, begun.session_id, &[&visitor]).await;
    let began = Instant::now();
    let query = format!("?after={}&wait=4", begun.ids[0]);
    let (answer, ()) = tokio::join!(poll(&visitor, &query), async {
        begun.sent(&pool).await;
        signals::tell_typing(&pool, begun.session_id, true)
            .await
            .unwrap();
    });
    assert!(began.elapsed() >= Duration::from_secs(4));
    assert_eq!(answer["messages"], json!([]));
    assert_eq!(answer["marks"]["delivered"], begun.ids[0]);
    assert_eq!(answer["staffTyping"], true, "but it is told");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_state_has_its_bounds(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let after = format!("?after={}", visitor.first_message_id);
    let ask = async |state: &str| {
        let state: String = url::form_urlencoded::byte_serialize(state.as_bytes()).collect();
        let request = visitor.request(
            Method::GET,
            &format!("/messages{after}&wait=25&state={state}"),
        );
        request.send().await.unwrap()
    };
    // An unknown state is out of date.
    for odd in ["", "x", "\u{0}", "é🦀", &"é".repeat(64)] {
        let began = Instant::now();
        let answer = expect(ask(odd).await, 200).await;
        assert_eq!(answer["messages"], json!([]));
        assert!(began.elapsed() < Duration::from_secs(24), "{odd:?}");
    }
    expect_problem(ask(&"x".repeat(65)).await, 400, "malformed_request").await;
    // A poll with the current state waits.
    let known = poll(&visitor, &after).await;
    let began = Instant::now();
    let answer = poll(&visitor, &format!("{after}&wait=1&state={}", state(&known))).await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(state(&answer), state(&known));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_visitor_may_say_that_they_type_as_often_as_they_like(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let say = || {
        let request = visitor.request(Method::POST, "/typing");
        request.header("origin", ORIGIN).send()
    };
    for _ in 0..5 {
        let answer = say().await.unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    let stored: i64 = sqlx::query_scalar("SELECT last_seq FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(stored, 1, "nothing is stored");
    assert_eq!(visitor.close().await.status(), 204);
    expect_problem(say().await.unwrap(), 410, "session_closed").await;
}
