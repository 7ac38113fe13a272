//! Administrators lock the bot's account, or suspend it, for a while. What visitors write waits.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    homeserver::Account,
    parts::SHARED,
    scenarios::assert_flawless,
    stage::{Credentials, Setting, Stage},
};

/// Longer than the first attempts.
const LASTING: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_locked_or_suspended_goes_on_when_it_may() {
    let _alone = SHARED.write().await;
    let admin = Account::admin().await;
    let setting = Setting::default();
    let name = "bot-locked";
    let mut stage = Stage::set_so(name, 1, Credentials::Password, &admin, setting).await;
    let mut visitor = stage.api.create("before the bot is locked").await;
    let room_id = stage.wait_for_room(&visitor).await;
    stage.staff.join(&room_id).await;
    for (number, is_locking) in [true, false].into_iter().enumerate() {
        let forbid = async |forbidden: bool| {
            if is_locking {
                admin.lock(&stage.bot, forbidden).await;
            } else {
                admin.suspend(&stage.bot, forbidden).await;
            }
        };
        forbid(true).await;
        let text = format!("text {number} meanwhile");
        stage.api.send(&mut visitor, text).await;
        let reply = format!("reply {number} meanwhile");
        stage.reply(&room_id, &reply).await;
        sleep(LASTING).await;
        let meanwhile = stage.api.page(&visitor, None).await;
        assert!(meanwhile.is_some(), "polls go on");
        forbid(false).await;
        stage.outbox_is_empty().await;
        stage.wait_for_text(&mut visitor, &reply).await;
    }
    let faults = "the bot locked once, and suspended once, for 3 s each";
    assert_flawless(&stage.judge(vec![visitor], faults).await);
}
