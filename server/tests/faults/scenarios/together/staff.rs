//! Staff who cannot be reached, and who leave.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    homeserver::Account,
    parts::{self, SHARED},
    scenarios::{VISITORS, a_while, assert_flawless},
    stage::{Credentials, Setting, Stage},
};

/// One blocks invitations, one is deactivated, and one does not exist: none of them delays a text or another
/// invitation. One declines in every room.
#[tokio::test(flavor = "multi_thread")]
async fn staff_who_cannot_be_reached_keep_nobody_waiting() {
    let shared = SHARED.read().await;
    let admin = Account::admin().await;
    let blocks = Arc::new(Account::unlimited("blocks", &admin).await);
    blocks.block_invitations().await;
    let gone = Account::unlimited("gone", &admin).await;
    admin.deactivate(&gone).await;
    let nobody = gone.user_id.replace("gone", "nobody");
    let declines = Arc::new(Account::unlimited("declines", &admin).await);
    let setting = Setting {
        more_staff: &[blocks, declines.clone()],
        more_ids: &[&gone.user_id, &nobody],
        ..Setting::default()
    };
    let name = "staff-unreachable";
    let mut stage = Stage::set_so(name, 1, Credentials::Password, &admin, setting).await;
    let workload = stage.open(VISITORS / 2);
    for _ in 0..2 * parts::scale() {
        a_while(&mut stage.rng, 2_000..4_000).await;
        for room_id in declines.invitations(None).await.0 {
            declines.leave(&room_id).await;
        }
    }
    drop(shared);
    let conversations = stage.let_finish(workload).await;
    // The person who declined was invited to every room.
    let deadline = Instant::now() + parts::PATIENCE;
    let mut times = declines.left_rooms().await.len();
    while times < conversations.len() {
        assert!(Instant::now() < deadline, "invited to {times} rooms");
        for room_id in declines.invitations(None).await.0 {
            declines.leave(&room_id).await;
        }
        times = declines.left_rooms().await.len();
        sleep(Duration::from_millis(100)).await;
    }
    let faults = format!(
        "of 5 staff, one blocks invitations, one is deactivated, one unknown, one declined {times} times"
    );
    assert_flawless(&stage.judge(conversations, &faults).await);
}

/// Everybody has left or declined, and the visitor writes: all are invited again, and see what was said.
#[tokio::test(flavor = "multi_thread")]
async fn when_all_staff_have_left_they_are_invited_again() {
    let shared = SHARED.read().await;
    let admin = Account::admin().await;
    let carol = Arc::new(Account::unlimited("carol", &admin).await);
    let setting = Setting {
        more_staff: std::slice::from_ref(&carol),
        ..Setting::default()
    };
    let mut stage = Stage::set_so("staff-left", 1, Credentials::Password, &admin, setting).await;
    let mut conversations = Vec::new();
    for number in 0..3 * parts::scale() {
        let text = format!("conversation {number}");
        let mut conversation = stage.api.create(&text).await;
        let room_id = stage.wait_for_room(&conversation).await;
        // Of three conversations, one had both members, one had one of them, and one had nobody.
        for (staff, joins) in [(&stage.staff, number % 3 < 2), (&carol, number % 3 == 0)] {
            staff.wait_for_invitation(&room_id).await;
            if joins {
                staff.join(&room_id).await;
                staff.wait_to_see(&room_id, &text).await;
            }
        }
        if number % 3 < 2 {
            let reply = format!("goodbye {number}");
            stage.reply(&room_id, &reply).await;
            stage.wait_for_text(&mut conversation, &reply).await;
        }
        for staff in [&stage.staff, &carol] {
            staff.leave(&room_id).await;
        }
        a_while(&mut stage.rng, 0..2_000).await;
        let text = format!("is anybody there, {number}");
        stage.api.send(&mut conversation, text).await;
        for staff in [&stage.staff, &carol] {
            staff.wait_for_invitation(&room_id).await;
            staff.join(&room_id).await;
        }
        conversations.push(conversation);
    }
    drop(shared);
    let count = conversations.len();
    let faults = format!("{count} conversations that all staff had left or declined");
    assert_flawless(&stage.judge(conversations, &faults).await);
}
