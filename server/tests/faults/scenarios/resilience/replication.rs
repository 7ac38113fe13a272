//! A real primary of Postgres with a synchronous standby, which `SUPPORT_CHAT_REQUIRE_SYNC_REPLICATION` insists on: it is
//! lost, and comes back; then the primary is told to do without.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    api::{Conversation, Outcome},
    homeserver::Account,
    parts::{self, Part, SHARED},
    scenarios::assert_flawless,
    stage::{Credentials, Setting, Stage},
};

/// The loss is told within this time; the machine does other things, too.
const TOLD: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn without_its_synchronous_standby_no_write_is_promised() {
    let _alone = SHARED.write().await;
    let admin = Account::admin().await;
    let setting = Setting {
        variables: &[("SUPPORT_CHAT_REQUIRE_SYNC_REPLICATION", "on")],
        ..Setting::default()
    };
    let name = "sync-replication";
    let stage = Stage::set_so(name, 1, Credentials::Token, &admin, setting).await;
    // If the scenario fails, the primary is not left waiting for the standby.
    let pool = stage.pool.clone();
    let done = tokio::spawn(scenario(stage)).await;
    wait_for_standbys(&pool, "").await;
    Part::Standby.kill().await;
    done.unwrap();
}

async fn wait_for_standbys(pool: &sqlx::PgPool, names: &str) {
    let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
    sqlx::query(sqlx::AssertSqlSafe(set))
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("SELECT pg_reload_conf()")
        .execute(pool)
        .await
        .unwrap();
}

/// Waits until the server says whether it takes writes; returns how long that took.
async fn told(stage: &Stage, takes_writes: bool) -> Duration {
    let began = Instant::now();
    loop {
        let readiness = stage.servers[0].readiness().await;
        let writes = readiness.map(|it| (it["writes"] == true, it["ready"] == true));
        if let Some((writes, ready)) = writes
            && writes == takes_writes
        {
            assert!(writes || !ready, "it is ready without");
            return began.elapsed();
        }
        assert!(
            began.elapsed() < parts::PATIENCE,
            "writes do not become {takes_writes}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// While the gate is shut, nothing is promised, and polls go on.
async fn refuses(stage: &Stage, visitor: &mut Conversation, text: &str) {
    let outcome = stage.api.send_once(visitor, text.to_owned()).await;
    assert_eq!(outcome, Outcome::Refused, "{text}");
    assert!(stage.api.page(visitor, None).await.is_some(), "{text}");
}

async fn scenario(mut stage: Stage) {
    // No standby is configured, so nothing can be promised from the start.
    told(&stage, false).await;
    let status = stage
        .api
        .status_of_creation("before there is a standby")
        .await;
    assert_eq!(status.map(|it| it.as_u16()), Some(503));

    Part::Standby.start().await;
    wait_for_standbys(&stage.pool, "*").await;
    told(&stage, true).await;
    let mut visitor = stage.api.create("with a standby").await;
    let room_id = stage.wait_for_room(&visitor).await;
    stage.staff.join(&room_id).await;
    stage.reply(&room_id, "reply with a standby").await;
    stage.wait_for_reply(&mut visitor).await;

    Part::Standby.kill().await;
    let lost = told(&stage, false).await;
    refuses(&stage, &mut visitor, "without the standby").await;
    Part::Standby.start().await;
    told(&stage, true).await;
    stage.api.send(&mut visitor, "it is back".to_owned()).await;

    // As a cluster manager does when it would rather be available. Commits are answered then.
    wait_for_standbys(&stage.pool, "").await;
    let relaxed = told(&stage, false).await;
    refuses(&stage, &mut visitor, "with a primary alone").await;
    wait_for_standbys(&stage.pool, "*").await;
    told(&stage, true).await;
    stage
        .api
        .send(&mut visitor, "it is required again".to_owned())
        .await;
    let faults = format!(
        "the only synchronous standby lost, and not waited for: told after {:.1} s and {:.1} s",
        lost.as_secs_f64(),
        relaxed.as_secs_f64()
    );
    assert_flawless(&stage.judge(vec![visitor], &faults).await);
    assert!(lost.max(relaxed) < TOLD, "{faults}");
}
