//! Two servers behind a balancer are restarted one after the other, as an upgrade does: whoever asks the balancer notices
//! nothing.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::{Instant, sleep};

use crate::{
    api::{Api, Outcome},
    homeserver::Account,
    parts::{self, SHARED},
    scenarios::assert_flawless,
    server::Server,
    stage::{Credentials, Setting, Stage},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_answers_everything_and_says_that_it_is_not_ready() {
    let _alone = SHARED.write().await;
    let admin = Account::admin().await;
    let setting = Setting {
        variables: &[("SUPPORT_CHAT_DRAIN", "3s")],
        ..Setting::default()
    };
    let mut stage = Stage::set_so("drain", 2, Credentials::Token, &admin, setting).await;
    let urls: Vec<_> = stage.servers.iter().map(Server::url).collect();
    let mut visitor = stage.api.create("before the restarts").await;
    let room_id = stage.wait_for_room(&visitor).await;
    stage.staff.join(&room_id).await;
    let restarts = 2 * parts::scale();
    for number in 0..restarts {
        let one = usize::try_from(number % 2).unwrap();
        let (other, draining) = (
            Api::new(vec![urls[1 - one].clone()]),
            Api::new(vec![urls[one].clone()]),
        );
        // It waits for news until the server ends, and is answered then.
        let waits = {
            let (api, visitor) = (draining.clone(), visitor.clone());
            tokio::spawn(async move { api.wait(&visitor).await })
        };
        sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        stage.servers[one].terminate();
        let mut number_of_text = 0;
        // A balancer needs a moment to notice, and requests that are on their way are answered.
        while began.elapsed() < Duration::from_secs(2) {
            let readiness = stage.servers[one].readiness().await;
            let is_ready = readiness.expect("an answer")["ready"] == true;
            assert!(!is_ready || began.elapsed() < Duration::from_millis(500));
            let text = format!("restart {number}, text {number_of_text}");
            let outcome = draining.send_once(&mut visitor, text).await;
            assert_eq!(outcome, Outcome::Promised);
            assert!(draining.page(&visitor, None).await.is_some());
            number_of_text += 1;
        }
        assert!(stage.servers[one].ended().await, "it ends by itself");
        let answered = waits.await.unwrap();
        assert_eq!(answered, Some(StatusCode::OK), "a poll that waits");
        let text = format!("restart {number}, while it is away");
        other.send(&mut visitor, text).await;
        stage.servers[one].start().await;
    }
    let faults = format!("{restarts} restarts of one of two servers, each after 3 s of draining");
    assert_flawless(&stage.judge(vec![visitor], &faults).await);
}
