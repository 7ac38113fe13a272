//! Messages that are claimed while those before them are still on their way.

use super::*;

/// A conversation whose messages can be let through to the homeserver one by one: "1" to "4" are accepted, "1" is in
/// the room, and "2" is on its way, with those behind it claimed.
struct OneByOne {
    team: Team,
    open: Arc<Semaphore>,
    gateway: Gateway,
    app: TestApp,
    created: Value,
    room_id: String,
}

impl OneByOne {
    async fn begin(pool: &PgPool) -> Self {
        let mut team = Team::new().await;
        // One for the first message, and one for the recap for a new member.
        let open = Arc::new(Semaphore::new(2));
        let way = open.clone();
        let gateway = Gateway::new(move |asked| {
            let way = way.clone();
            Box::pin(async move {
                if asked.contains("/send/") {
                    way.acquire().await.unwrap().forget();
                }
            })
        });
        let gateway = gateway.await;
        let url = gateway.url();
        let app = team.serve_through(pool, &url).await;
        let visitor = app.visitor("Hello").await;
        wait_until(&visitor, all_delivered(1)).await;
        let room_id = team.alice.accept().await;
        team.alice
            .wait_for_notice(&room_id, "Visitor:\n> Hello")
            .await;
        for text in ["1", "2", "3", "4"] {
            expect(visitor.send(text).await, 201).await;
        }
        open.add_permits(1);
        gateway.wait_for_count("/send/", 4).await;
        let created =
            json!({ "sessionId": visitor.session_id, "token": visitor.token, "messageId": "" });
        Self {
            team,
            open,
            gateway,
            app,
            created,
            room_id,
        }
    }

    fn visitor(&self) -> Visitor<'_> {
        Visitor::from_creation(&self.app, self.created.clone())
    }

    async fn all_four_arrive(&mut self) {
        let texts = self.team.alice.wait_for_texts(&self.room_id, 4).await;
        assert_eq!(texts[texts.len() - 4..], ["1", "2", "3", "4"]);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_queued_follows_at_once_and_does_not_wait_for_the_record_of_what_came_before(
    pool: PgPool,
) {
    let mut chat = OneByOne::begin(&pool).await;
    let mut record = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE matrix_events IN EXCLUSIVE MODE")
        .execute(&mut *record)
        .await
        .unwrap();
    chat.open.add_permits(3);
    chat.gateway.wait_for_count("/send/", 6).await;
    chat.all_four_arrive().await;
    assert_eq!(
        chat.visitor().messages(None).await[3]["delivery"],
        "pending"
    );
    record.rollback().await.unwrap();
    wait_until(&chat.visitor(), all_delivered(5)).await;
}

/// Otherwise they would wait until their leases expire, and then be looked for in the room.
#[sqlx::test(migrations = "../migrations")]
async fn what_was_claimed_behind_a_message_that_has_to_wait_is_given_back_as_it_was(pool: PgPool) {
    let mut chat = OneByOne::begin(&pool).await;
    let looked = chat.gateway.count("/messages?");
    chat.gateway.refuse_next("/send/");
    chat.open.add_permits(4);
    chat.all_four_arrive().await;
    wait_until(&chat.visitor(), all_delivered(5)).await;
    assert_eq!(chat.gateway.count("/send/"), 7, "one of them twice");
    let looked = chat.gateway.count("/messages?") - looked;
    assert_eq!(looked, 1, "only what was tried before");
}

/// A homeserver remembers a transaction for at most a day.
#[sqlx::test(migrations = "../migrations")]
async fn what_an_earlier_attempt_sent_is_found_in_the_room_and_not_sent_again(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, all_delivered(1)).await;
    let room_id = team.alice.accept().await;
    team.alice
        .wait_for_notice(&room_id, "Visitor:\n> Hello")
        .await;
    // The homeserver's answer cannot be recorded.
    sqlx::query("CREATE RULE keep AS ON DELETE TO outbox DO INSTEAD NOTHING")
        .execute(&pool)
        .await
        .unwrap();
    let created =
        json!({ "sessionId": visitor.session_id, "token": visitor.token, "messageId": "" });
    expect(visitor.send("Once only").await, 201).await;
    team.alice.wait_for_texts(&room_id, 1).await;
    app.stop().await;
    for statement in [
        "DROP RULE keep ON outbox",
        "UPDATE outbox SET leased_until = NULL, due_at = now()",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }

    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    let visitor = Visitor::from_creation(&app, created);
    wait_until(&visitor, all_delivered(2)).await;
    assert_eq!(gateway.count("/send/"), 0);
    expect(visitor.send("And on").await, 201).await;
    wait_until(&visitor, all_delivered(3)).await;
    assert_eq!(gateway.count("/send/"), 1);
    assert_eq!(
        team.alice.wait_for_texts(&room_id, 2).await,
        ["Once only", "And on"]
    );
}
