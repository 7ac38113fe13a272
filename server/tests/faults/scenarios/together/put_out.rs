//! The bot is removed from a room, or the room is deleted.

use rand::RngExt;

use crate::{
    homeserver::Account,
    parts::{self, SHARED},
    scenarios::{a_while, assert_flawless},
    stage::{Credentials, Setting, Stage},
};

const ROUNDS: u32 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_in_another_room() {
    let shared = SHARED.read().await;
    let admin = Account::admin().await;
    let setting = Setting::default();
    let name = "bot-put-out";
    let mut stage = Stage::set_so(name, 1, Credentials::Token, &admin, setting).await;
    // A text before the end is relayed only when somebody writes again.
    stage.visitors_close = false;
    let workload = stage.open(4);
    let (mut left, mut banned, mut deleted) = (0, 0, 0);
    let rounds = ROUNDS * parts::scale();
    while left + banned + deleted < rounds {
        stage.check_time();
        a_while(&mut stage.rng, 500..2_500).await;
        // One of the conversations that are under way.
        let rooms: Vec<(String, String)> = sqlx::query_as(
            "SELECT room_id, id::text FROM sessions WHERE room_id IS NOT NULL
             ORDER BY active_at DESC LIMIT 4",
        )
        .fetch_all(&stage.pool)
        .await
        .unwrap();
        if rooms.is_empty() {
            continue;
        }
        let chosen = rooms[stage.rng.random_range(0..rooms.len())].clone();
        if stage.put_out.contains(&chosen) {
            // The conversation does not have its new room yet.
            continue;
        }
        let room_id = &chosen.0;
        match (left + banned + deleted) % 3 {
            0 => {
                stage.bot.leave(room_id).await;
                left += 1;
            }
            1 => {
                if !stage.staff.try_join(room_id).await {
                    continue;
                }
                stage.bot.hand_power_to(room_id, &stage.staff).await;
                assert!(stage.staff.ban(room_id, &stage.bot).await);
                banned += 1;
            }
            _ => {
                admin.delete_room(room_id).await;
                deleted += 1;
            }
        }
        stage.put_out.push(chosen);
    }
    drop(shared);

    let mut conversations = stage.let_finish(workload).await;
    for conversation in &mut conversations {
        let text = format!("{}, the end", conversation.promised[0]);
        stage.api.send(conversation, text).await;
    }
    let faults =
        format!("the bot left {left} rooms, was banned from {banned}, {deleted} were deleted");
    assert_flawless(&stage.judge(conversations, &faults).await);
}
