//! The connections to Postgres become dead, and are not closed.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    homeserver::Account,
    parts::{self, SHARED},
    scenarios::{VISITORS, a_while, assert_flawless, median},
    stage::{Credentials, Setting, Stage},
};

/// Both directions work again within this time of a cut.
const BOUND: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn the_line_to_postgres_goes_dead() {
    let alone = SHARED.write().await;
    let admin = Account::admin().await;
    let setting = Setting {
        line: true,
        ..Setting::default()
    };
    let name = "postgres-line-dead";
    let mut stage = Stage::set_so(name, 1, Credentials::Password, &admin, setting).await;
    let mut visitor = stage.api.create("before the cuts").await;
    let room_id = stage.wait_for_room(&visitor).await;
    stage.staff.join(&room_id).await;
    stage.reply(&room_id, "reply before the cuts").await;
    stage.wait_for_reply(&mut visitor).await;

    let workload = stage.open(VISITORS);
    let (mut to_room, mut to_visitor) = (Vec::new(), Vec::new());
    let cuts = 3 * parts::scale();
    for number in 0..cuts {
        a_while(&mut stage.rng, 1_000..4_000).await;
        stage.line.as_ref().unwrap().cut();
        let cut = Instant::now();
        let (text, reply) = (format!("after cut {number}"), format!("reply {number}"));
        let mut reader = visitor.clone();
        let writes = async {
            stage.api.send(&mut visitor, text.clone()).await;
            stage.staff.wait_to_see(&room_id, &text).await;
            cut.elapsed()
        };
        let reads = async {
            stage.reply(&room_id, &reply).await;
            stage.wait_for_text(&mut reader, &reply).await;
            cut.elapsed()
        };
        let (written, read) = tokio::join!(writes, reads);
        println!("{name}: after cut {number} {written:.1?} to the room, {read:.1?} to the visitor");
        to_room.push(written);
        to_visitor.push(read);
        visitor.seen = reader.seen;
    }
    drop(alone);

    let mut conversations = stage.let_finish(workload).await;
    conversations.push(visitor);
    let seconds = |time: Duration| time.as_secs_f64();
    let slowest = *to_room.iter().chain(&to_visitor).max().unwrap();
    let faults = format!(
        "{cuts} times all connections to Postgres dead: median {:.1} s to the visitor, {:.1} s to the room; \
         at most {:.1} s",
        seconds(median(&mut to_visitor)),
        seconds(median(&mut to_room)),
        seconds(slowest),
    );
    assert_flawless(&stage.judge(conversations, &faults).await);
    assert!(slowest < BOUND, "{faults}");
}
