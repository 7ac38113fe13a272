//! Staff who accept the invitation later read what was said before.

use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{Visitor, expect},
    homeserver::{Account, Team, wait_until},
};

#[sqlx::test(migrations = "../migrations")]
async fn a_later_member_gets_the_conversation_in_one_notice(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("my first message").await;
    expect(visitor.send("my second message").await, 201).await;
    wait_until(&visitor, |messages| messages[1]["delivery"] == "delivered").await;

    let room_id = team.alice.accept().await;
    let recap = team
        .alice
        .wait_for_notice(&room_id, "my second message")
        .await;
    assert!(recap.contains("Visitor:\n> my first message"), "{recap}");
    team.alice.say(&room_id, "Hello from Alice").await;

    team.bob.accept().await;
    let recap = team.bob.wait_for_notice(&room_id, "Hello from Alice").await;
    for text in [
        "Visitor:\n> my first message",
        "Visitor:\n> my second message",
    ] {
        assert!(recap.contains(text), "{recap}");
    }
    assert_eq!(
        team.bob.bodies(&room_id, "m.text"),
        [] as [String; 0],
        "Matrix shows him none"
    );
}

/// A homeserver that gets a join and a text at once may not count the new member as one for the text, although it comes
/// after the join. That happens at random, so there are several rooms.
#[sqlx::test(migrations = "../migrations")]
async fn a_member_who_joins_between_texts_gets_each_of_them_once(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    // The first notice says who the visitor is.
    let mut said = vec!["Visitor:\n> Ada".to_owned()];
    said.extend((0..5).map(|n| format!("message {n}")));
    for _ in 0..8 {
        let earlier = team.alice.invitations();
        let creation = app.create(json!({ "initialMessage": said[1], "visitorName": "Ada" }));
        let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
        let talk = async {
            for text in &said[2..] {
                expect(visitor.send(text).await, 201).await;
            }
        };
        let join = async {
            let invited = |account: &Account| account.invitations() > earlier;
            team.alice
                .wait_for("the next invitation", |account| {
                    invited(account).then_some(())
                })
                .await;
            team.alice.accept().await
        };
        let (room_id, ()) = tokio::join!(join, talk);
        let times_shown = |account: &Account, text: &str| {
            let messages = account.messages(&room_id);
            let shown = messages.iter().filter(|(_, body)| body.contains(text));
            shown.count()
        };
        team.alice
            .wait_for("every text, seen or told", |account| {
                let all = said.iter().all(|text| times_shown(account, text) > 0);
                all.then_some(())
            })
            .await;
        let shown: Vec<_> = said
            .iter()
            .map(|text| times_shown(&team.alice, text))
            .collect();
        // A recap always says who the visitor is.
        let notices = team.alice.bodies(&room_id, "m.notice");
        assert!(shown[0] == 1 || notices.len() == 2, "{notices:#?}");
        assert_eq!(shown[1..], [1; 5], "{:#?}", team.alice.messages(&room_id));
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_member_who_joins_after_the_end_learns_of_it_and_of_nothing_between_staff(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("How much is it?").await;
    let room_id = team.alice.accept().await;
    team.alice.say(&room_id, "Ten.").await;
    wait_until(&visitor, |messages| messages.len() == 2).await;
    assert_eq!(visitor.close().await.status(), 204);
    team.alice.wait_for_notice(&room_id, "ended the chat").await;
    // The visitor does not get it, so it is not part of the conversation.
    let late = team.alice.say(&room_id, "That was easy").await;
    team.alice.wait_for_answer(&late).await;

    team.bob.accept().await;
    let recap = team.bob.wait_for_notice(&room_id, "How much").await;
    let lines: Vec<_> = recap.lines().collect();
    assert!(
        lines[0].ends_with(" UTC, the visitor's last words:"),
        "{recap}"
    );
    assert_eq!(lines[1], "> How much is it?");
    assert!(
        recap.contains(":\n> Ten.\n\nThe chat has ended."),
        "{recap}"
    );
    assert!(!recap.contains("easy"), "{recap}");
}

#[sqlx::test(migrations = "../migrations")]
async fn with_invited_history_matrix_shows_it_and_no_recap_is_posted(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team
        .serve(&pool, &[("MATRIX_SUPPORT_HISTORY_VISIBILITY", "invited")])
        .await;
    let visitor = app.visitor("my first message").await;
    expect(visitor.send("my second message").await, 201).await;
    wait_until(&visitor, |messages| messages[1]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    team.bob.accept().await;
    // A recap for the joins would come before this.
    expect(visitor.send("my third message").await, 201).await;
    for reader in [&mut team.alice, &mut team.bob] {
        let texts = reader.wait_for_texts(&room_id, 3).await;
        assert_eq!(
            texts,
            ["my first message", "my second message", "my third message"]
        );
        assert_eq!(reader.bodies(&room_id, "m.notice"), [] as [String; 0]);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_member_who_comes_back_gets_only_what_they_missed(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("seen in the recap").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    team.alice
        .wait_for_notice(&room_id, "seen in the recap")
        .await;
    team.bob.accept().await;
    let leave = format!("/_matrix/client/v3/rooms/{room_id}/leave");
    team.alice
        .ok(reqwest::Method::POST, &leave, Some(serde_json::json!({})))
        .await;
    expect(visitor.send("missed by Alice").await, 201).await;
    team.bob.wait_for_texts(&room_id, 1).await;

    let invite = serde_json::json!({ "user_id": team.alice.user_id });
    let path = format!("/_matrix/client/v3/rooms/{room_id}/invite");
    team.bob
        .ok(reqwest::Method::POST, &path, Some(invite))
        .await;
    team.alice.join(&room_id).await;
    let recap = team.bob.wait_for_notice(&room_id, "missed by Alice").await;
    assert!(!recap.contains("seen in the recap"), "{recap}");
}
