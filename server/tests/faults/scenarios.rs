//! The scenarios. Each breaks one thing repeatedly. The last two break something that must not break, and expect the
//! oracle to notice.
//!
//! All scenarios begin at once. Those in `together` break things side by side, those in `alone` one after the other;
//! others may go on while one waits and is judged.

mod meanwhile;

use std::{sync::atomic::Ordering, time::Duration};

use rand::RngExt;
use tokio::time::{Instant, sleep};

use crate::{
    oracle::Verdict,
    parts::{self, Part, SHARED},
    proxy::Weather,
    stage::{Credentials, Stage},
    workload::Workload,
};

/// As many conversations as one homeserver on a small machine can handle in all scenarios at once.
const VISITORS: u64 = 6;

fn assert_flawless(verdict: &Verdict) {
    assert!(verdict.is_flawless(), "{verdict:#?}");
    assert!(verdict.visitor_texts > 0 && verdict.staff_texts > 0);
}

/// A random moment.
async fn a_while(rng: &mut impl RngExt, range_ms: std::ops::Range<u64>) {
    sleep(Duration::from_millis(rng.random_range(range_ms))).await;
}

/// The median of these times, which are sorted afterwards.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn finish(mut stage: Stage, workload: Workload, faults: &str) {
    let verdict = stage.close(workload, faults).await;
    assert_flawless(&verdict);
}

mod alone {
    //! Scenarios that kill the shared parts, or that measure time.

    mod line_dead;
    mod standby;

    use super::*;

    /// Kills a shared part under the workload: for a moment each time, and, with a large scale, once for half a minute.
    async fn dies(part: Part, name: &'static str) {
        let alone = SHARED.write().await;
        let mut stage = Stage::set(name, 1, Credentials::Password).await;
        let workload = stage.open(VISITORS);
        let kills = 2 * parts::scale();
        for number in 0..kills {
            a_while(&mut stage.rng, 1_500..5_000).await;
            part.kill().await;
            if number == 5 {
                sleep(Duration::from_secs(30)).await;
            } else {
                a_while(&mut stage.rng, 0..2_000).await;
            }
            part.start().await;
        }
        drop(alone);
        let faults = format!("{kills} kills of {part:?}");
        finish(stage, workload, &faults).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres_dies() {
        dies(Part::Postgres, "postgres-dies").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn synapse_dies() {
        dies(Part::Synapse, "synapse-dies").await;
    }

    /// Of two servers, the one that follows the homeserver is killed in the middle of sending. Everything that both
    /// sides wrote meanwhile arrives through the other one.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_other_server_takes_over() {
        let alone = SHARED.write().await;
        let mut stage = Stage::set("takeover", 2, Credentials::Password).await;
        let mut conversation = stage.api.create("before").await;
        let room_id = stage.wait_for_room(&conversation).await;
        stage.staff.join(&room_id).await;
        let kills = 3 * usize::try_from(parts::scale()).unwrap();
        let (mut to_visitor, mut to_room) = (Vec::new(), Vec::new());
        for number in 0..kills {
            let reply = format!("reply before kill {number}");
            stage.reply(&room_id, &reply).await;
            stage.wait_for_text(&mut conversation, &reply).await;
            // This way it is still sending when it dies.
            stage.proxy.set(Weather {
                delay: 1.0,
                ..Weather::default()
            });
            let text = format!("at kill {number}");
            stage.api.send(&mut conversation, text).await;
            let leader = stage.leader().await;
            stage.servers[leader].kill();
            let killed = Instant::now();
            stage.proxy.set(Weather::default());
            let reply = format!("reply after kill {number}");
            stage.reply(&room_id, &reply).await;
            stage.wait_for_text(&mut conversation, &reply).await;
            to_visitor.push(killed.elapsed());
            stage.outbox_is_empty().await;
            to_room.push(killed.elapsed());
            stage.servers[leader].start().await;
        }
        drop(alone);
        // A measurement during which the machine was slow says nothing.
        let (to_visitor, to_room) = (median(&mut to_visitor), median(&mut to_room));
        let faults = format!(
            "{kills} kills of the server that syncs: median {:.1} s to the visitor, {:.1} s to the room",
            to_visitor.as_secs_f64(),
            to_room.as_secs_f64()
        );
        assert_flawless(&stage.judge(vec![conversation], &faults).await);
        assert!(
            to_visitor.max(to_room) < Duration::from_secs(10),
            "{faults}"
        );
    }
}

mod resilience {
    //! Scenarios of `cargo xtask test resilience`: they change the clocks of the shared parts, or put them back to an
    //! earlier state.

    mod bot;
    mod clocks;
    mod replication;
    mod restores;
    mod upgrade;
}

mod together {
    //! Scenarios that kill or cut only parts of their own.

    mod commands;
    mod frozen;
    mod overload;
    mod poison;
    mod put_out;
    mod staff;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_server_dies() {
        let shared = SHARED.read().await;
        let mut stage = Stage::set("server-dies", 1, Credentials::Password).await;
        let workload = stage.open(VISITORS);
        let kills = 15 * parts::scale();
        for number in 0..kills {
            a_while(&mut stage.rng, 100..1_500).await;
            stage.servers[0].kill();
            if number == 20 {
                sleep(Duration::from_secs(30)).await;
            }
            stage.servers[0].start().await;
        }
        drop(shared);
        finish(stage, workload, &format!("{kills} kills of the server")).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_of_two_servers_dies() {
        let shared = SHARED.read().await;
        let mut stage = Stage::set("one-of-two-dies", 2, Credentials::Token).await;
        let workload = stage.open(VISITORS);
        let kills = 5 * parts::scale();
        for _ in 0..kills {
            a_while(&mut stage.rng, 1_500..4_500).await;
            let victim = stage.rng.random_range(0..2);
            stage.servers[victim].kill();
            // Long enough for the other server to take over.
            a_while(&mut stage.rng, 0..3_500).await;
            stage.servers[victim].start().await;
        }
        drop(shared);
        let faults = format!("{kills} kills of one of two servers");
        finish(stage, workload, &faults).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_network_fails() {
        let shared = SHARED.read().await;
        let mut stage = Stage::set("network-fails", 1, Credentials::Password).await;
        let workload = stage.open(VISITORS);
        stage.proxy.set(Weather {
            cut_before: 0.05,
            cut_after: 0.15,
            delay: 0.1,
            ..Weather::default()
        });
        let wanted = usize::try_from(25 * parts::scale()).unwrap();
        let mut outages = 0;
        while stage.proxy.counts().cut_after.load(Ordering::Relaxed) < wanted {
            stage.check_time();
            a_while(&mut stage.rng, 2_000..6_000).await;
            stage.proxy.refuse_for(Duration::from_millis(500)).await;
            outages += 1;
        }
        if parts::scale() >= 4 {
            stage.proxy.refuse_for(Duration::from_secs(30)).await;
            outages += 1;
        }
        stage.proxy.set(Weather::default());
        drop(shared);
        let counts = stage.proxy.counts();
        let faults = format!(
            "{} requests cut after forwarding, {} before, {} delayed, {outages} outages",
            counts.cut_after.load(Ordering::Relaxed),
            counts.cut_before.load(Ordering::Relaxed),
            counts.delayed.load(Ordering::Relaxed),
        );
        finish(stage, workload, &faults).await;
    }

    /// A `createRoom` whose connection was cut may take effect much later. If the room is not found, it must not be
    /// made a second time.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_room_that_comes_late_stays_the_only_one() {
        let _shared = SHARED.read().await;
        let mut stage = Stage::set("late-room", 1, Credentials::Password).await;
        stage.proxy.set(Weather {
            late_rooms: Some(Duration::from_secs(12)),
            ..Weather::default()
        });
        let conversation = stage.api.create("before there is a room").await;
        stage.wait_for_room(&conversation).await;
        stage.proxy.set(Weather::default());
        let late = stage.proxy.counts().delayed.load(Ordering::Relaxed);
        let faults = format!("{late} `createRoom` that took effect 12 s after the cut");
        let verdict = stage.judge(vec![conversation], &faults).await;
        assert_flawless(&verdict);
    }

    /// An account that is in many rooms of others, with texts in each, has lost its position: all rooms are read again.
    #[tokio::test(flavor = "multi_thread")]
    async fn foreign_rooms_are_left_alone() {
        let _shared = SHARED.read().await;
        let mut stage = Stage::set("foreign-rooms", 1, Credentials::Password).await;
        let earlier = stage.api.create("before the position is lost").await;
        stage.wait_for_room(&earlier).await;
        stage.outbox_is_empty().await;
        stage.servers[0].kill();
        let count = 25 * usize::try_from(parts::scale()).unwrap();
        for number in 0..count {
            let room_id = stage.staff.make_room(&stage.bot).await;
            let text = format!("not for visitors {number}");
            stage.staff.say(&room_id, &text).await;
            stage.foreign_rooms.push(room_id);
        }
        sqlx::query("UPDATE sync_position SET since = NULL, synced_at = NULL")
            .execute(&stage.pool)
            .await
            .unwrap();
        let started = Instant::now();
        stage.servers[0].start().await;
        let later = stage.api.create("meanwhile").await;
        stage.wait_for_room(&later).await;
        stage.synced().await;
        let faults = format!(
            "position lost, among {count} rooms of others: {:.1} s to the first sync",
            started.elapsed().as_secs_f64()
        );
        assert_flawless(&stage.judge(vec![earlier, later], &faults).await);
        for room_id in &stage.foreign_rooms {
            let events = stage.bot.history(room_id).await;
            let messages = events.iter().filter(|event| event.is_message());
            assert_eq!(messages.count(), 1, "{room_id}");
        }
    }

    /// Deliberately broken: each attempt has a new transaction id.
    #[tokio::test(flavor = "multi_thread")]
    async fn random_transaction_ids_are_caught() {
        let _shared = SHARED.read().await;
        let mut stage = Stage::set("random-transactions", 1, Credentials::Password).await;
        let workload = stage.open(3);
        stage.proxy.set(Weather {
            cut_after: 0.3,
            random_transactions: true,
            ..Weather::default()
        });
        while stage.proxy.counts().cut_after.load(Ordering::Relaxed) < 5 {
            stage.check_time();
            sleep(Duration::from_millis(100)).await;
        }
        stage.proxy.set(Weather::default());
        let faults = "broken on purpose: each attempt a new transaction id";
        let verdict = stage.close(workload, faults).await;
        assert!(!verdict.to_rooms.doubled.is_empty(), "{verdict:#?}");
        assert_eq!(verdict.lost(), 0, "{verdict:#?}");
    }

    /// Deliberately broken: the state of a server that stores the position before the messages, and dies in between.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_position_ahead_of_the_messages_is_caught() {
        let _shared = SHARED.read().await;
        let mut stage = Stage::set("position-first", 1, Credentials::Token).await;
        let mut conversation = stage.api.create("before").await;
        let room_id = stage.wait_for_room(&conversation).await;
        stage.staff.join(&room_id).await;
        stage.reply(&room_id, "shown").await;
        stage.wait_for_reply(&mut conversation).await;

        stage.servers[0].kill();
        stage.reply(&room_id, "lost").await;
        let ahead = stage.bot.position().await;
        sqlx::query("UPDATE sync_position SET since = $1")
            .bind(ahead)
            .execute(&stage.pool)
            .await
            .unwrap();
        stage.servers[0].start().await;

        let faults = "broken on purpose: the position stored before the messages";
        let verdict = stage.judge(vec![conversation], faults).await;
        assert_eq!(verdict.to_visitors.lost, ["lost"], "{verdict:#?}");
        assert_eq!(verdict.doubled(), 0, "{verdict:#?}");
    }
}
