//! A client that continues to read and write while a part is frozen, and measures the times.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::api::{Api, Conversation, Outcome, Slowest};

/// Longer than leases and locks last.
pub(super) const FROZEN: Duration = Duration::from_secs(12);
/// Generous bounds, because the machine does everything else at the same time; the benchmark has the real goals.
const POLL_BOUND: Duration = Duration::from_secs(4);
const WRITE_BOUND: Duration = Duration::from_secs(8);

/// The number of writers: more than a server has connections to Postgres.
const CROWD: usize = 30;

/// Reads and writes for this long; returns the conversations that were begun meanwhile.
pub(super) async fn use_meanwhile(
    api: &Api,
    conversation: &mut Conversation,
    name: &str,
    lasting: Duration,
) -> Vec<Conversation> {
    let until = Instant::now() + lasting;
    let mut reader = conversation.clone();
    let mut crowd = JoinSet::new();
    for number in 0..CROWD {
        let (api, mut there) = (api.clone(), conversation.clone());
        let text = format!("{name}, one of a crowd, {number}");
        crowd.spawn(async move { (api.send_once(&mut there, text.clone()).await, text) });
    }
    let reads = async {
        while Instant::now() < until {
            // One may be answered from memory, the other one cannot.
            api.poll(&mut reader).await;
            api.page(&reader, None).await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    let writes = async {
        let mut number = 0;
        while Instant::now() < until {
            api.send_once(conversation, format!("{name}, text {number}"))
                .await;
            sleep(Duration::from_millis(100)).await;
            number += 1;
        }
    };
    let creations = async {
        let mut begun = Vec::new();
        while Instant::now() < until {
            begun.push(
                api.create(&format!("{name}, creation {}", begun.len()))
                    .await,
            );
            sleep(Duration::from_secs(2)).await;
        }
        begun
    };
    let ((), (), begun) = tokio::join!(reads, writes, creations);
    conversation.seen = reader.seen;
    for (outcome, text) in crowd.join_all().await {
        // The order in which they were stored is not known.
        if outcome != Outcome::Refused {
            conversation.uncertain.push(text);
        }
    }
    begun
}

pub(super) fn assert_prompt(slowest: Slowest, faults: &str) {
    assert_eq!(slowest.failed_polls, 0, "{faults}");
    assert!(slowest.poll < POLL_BOUND, "{faults}");
    assert!(slowest.write < WRITE_BOUND, "{faults}");
}

pub(super) fn told(what: &str, slowest: Slowest) -> String {
    format!(
        "{what}: slowest poll {:.2} s ({} failed), slowest answer to a write {:.1} s",
        slowest.poll.as_secs_f64(),
        slowest.failed_polls,
        slowest.write.as_secs_f64(),
    )
}
