//! A synchronous standby of Postgres is lost, so that no commit is answered. Polls are answered, and writes get an
//! answer that says that the outcome is not known, or that they were refused.

use tokio::time::sleep;

use crate::{
    api::Api,
    parts::SHARED,
    scenarios::{
        assert_flawless,
        meanwhile::{FROZEN, assert_prompt, told, use_meanwhile},
    },
    stage::{Credentials, Stage},
};

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_wait_for_a_standby_hold_no_poll_up() {
    let alone = SHARED.write().await;
    let mut stage = Stage::set("lost-standby", 1, Credentials::Password).await;
    let mut conversation = stage.api.create("before the standby is lost").await;
    let room_id = stage.wait_for_room(&conversation).await;
    stage.staff.join(&room_id).await;
    stage.reply(&room_id, "reply before it").await;
    stage.wait_for_reply(&mut conversation).await;

    let api = Api::new(vec![stage.servers[0].url()]);
    let standby = |names: &'static str| {
        let pool = stage.pool.clone();
        async move {
            let set = sqlx::AssertSqlSafe(format!(
                "ALTER SYSTEM SET synchronous_standby_names = '{names}'"
            ));
            sqlx::query(set).execute(&pool).await.unwrap();
            let reload = sqlx::query("SELECT pg_reload_conf()");
            reload.execute(&pool).await.unwrap();
        }
    };
    standby("lost").await;
    let meanwhile = {
        let api = api.clone();
        // If this fails, the standby is not left missing.
        tokio::spawn(async move {
            let name = "without a standby";
            let begun = use_meanwhile(&api, &mut conversation, name, FROZEN).await;
            (begun, conversation)
        })
    };
    sleep(FROZEN).await;
    // Requests that are still under way are answered later, and are not timed.
    let slowest = api.slowest();
    standby("").await;
    let (mut conversations, conversation) = meanwhile.await.unwrap();
    drop(alone);

    conversations.push(conversation);
    let faults = told("no commit answered for 12 s", slowest);
    assert_flawless(&stage.judge(conversations, &faults).await);
    assert_prompt(slowest, &faults);
}
