//! The cost of the desk for the homeserver, compared with the events of the conversations' rooms.

use std::fs;

use sqlx::PgPool;

use super::{begin, wait_for_line};
use crate::{
    bulk::history,
    common::expect,
    homeserver::{Account, Team, wait_until},
};

/// The desk may add at most a twentieth on a busy day.
const SHARE: usize = 20;

/// The members of the desk join only once.
async fn said_in_desk(account: &Account, desk: &str) -> usize {
    let events = history(account, desk).await;
    let said = events.iter().filter(|it| it["type"] == "m.room.message");
    said.count()
}

async fn has_told(account: &mut Account, room_id: &str, part: &str) {
    account.wait_for_notice(room_id, part).await;
}

fn assert_says(file: &str, sentence: &str) {
    let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let text: Vec<_> = text.split_whitespace().collect();
    assert!(text.join(" ").contains(sentence), "{file}: {sentence}");
}

/// Three members of the staff join after the first text, one answers within a minute, and the
/// visitor leaves. In a busy hour that makes a line and two edits. The documentation says from how
/// many texts on this is less than a twentieth.
#[sqlx::test(migrations = "../migrations")]
async fn the_guide_says_from_which_length_on_the_desk_costs_less_than_a_twentieth(pool: PgPool) {
    let busy = "INSERT INTO sessions (id) SELECT gen_random_uuid() FROM generate_series(1, 50)";
    sqlx::raw_sql(busy).execute(&pool).await.unwrap();
    let mut team = Team::new().await;
    let mut carol = Account::register("carol").await;
    let staff = [&team.alice, &team.bob, &carol].map(|account| account.user_id.as_str());
    let staff = staff.join(",");
    let app = team
        .serve(&pool, &[("MATRIX_SUPPORT_STAFF_MXIDS", &staff)])
        .await;
    let desk = team.alice.accept_desk().await;
    let visitor = begin(&app, "Ada", "Hello").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    let room = team.alice.accept().await;
    for account in [&mut team.bob, &mut carol] {
        assert_eq!(account.accept().await, room);
    }
    for account in [&mut team.alice, &mut team.bob, &mut carol] {
        has_told(account, &room, "> Hello").await;
    }
    let mut texts = 1;
    for n in 0..3 {
        team.alice.say(&room, &format!("Answer {n}")).await;
        wait_until(&visitor, |messages| messages.len() == texts + 1).await;
        expect(visitor.send(&format!("Question {n}")).await, 201).await;
        texts += 2;
        wait_until(&visitor, |messages| {
            messages.len() == texts && messages[texts - 1]["delivery"] == "delivered"
        })
        .await;
    }
    wait_for_line(&mut team.alice, &desk, "Answered by alice").await;
    visitor.close().await;
    wait_for_line(&mut team.alice, &desk, "Left: Ada").await;
    let is_renamed = |alice: &Account| {
        let mut names = alice
            .timeline(&room)
            .filter(|event| event["type"] == "m.room.name");
        names
            .any(|event| {
                event["content"]["name"]
                    .as_str()
                    .is_some_and(|it| it.starts_with('✓'))
            })
            .then_some(())
    };
    team.alice
        .wait_for("the name of one that has ended", is_renamed)
        .await;

    let of_desk = said_in_desk(&team.bot, &desk).await;
    let without_texts = history(&team.bot, &room).await.len() - texts;
    let enough = of_desk * SHARE - without_texts + 1;
    let percent = |texts: usize| {
        let share = 1_000 * of_desk / (without_texts + texts);
        format!("{}.{} %", share / 10, share % 10)
    };
    assert_says(
        "docs/architecture/guarantees.md",
        &format!(
            "costs the homeserver {of_desk} events at the desk, and {without_texts} and its texts by itself. That is \
             less than a twentieth from {enough} texts on ({} of 24 texts, {} of 80)",
            percent(24),
            percent(80),
        ),
    );
    assert_says(
        "docs/guide/staff.md",
        &format!("less than 5 % from {enough} texts a conversation on"),
    );
}
