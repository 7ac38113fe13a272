//! The canary: a conversation of this program with itself through every part of a deployment. It notices when messages
//! are no longer delivered although everything looks alive.
//!
//! It is run every few minutes. It writes as a visitor, waits until its own Matrix account has the text, answers there,
//! and waits until the visitor sees the answer. It uses one conversation for a day, so that it leaves few rooms behind,
//! and writes the results to a file of metrics.

mod matrix;
mod state;
mod visitor;

use std::{fs, io, path::Path, time::Duration};

use chrono::Utc;
use tokio::time::{self, Instant};
use uuid::Uuid;

use self::{
    matrix::Account,
    state::{Conversation, State},
    visitor::Visitor,
};
use crate::{config, metrics::Gauges};

pub use config::CANARY_PAGE as PAGE;

/// The names of its metrics, without the prefix that all metrics of the server have.
pub const METRICS: [&str; 5] = [
    "canary_success",
    "canary_last_run_timestamp_seconds",
    "canary_last_success_timestamp_seconds",
    "canary_to_staff_seconds",
    "canary_to_visitor_seconds",
];

/// Why the round trip failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The chat was out of reach, or refused.
    #[error("{part}: {error}")]
    Http {
        /// Which part.
        part: &'static str,
        /// The reason.
        error: reqwest::Error,
    },
    /// The homeserver was out of reach, or refused.
    #[error(transparent)]
    Homeserver(#[from] matrix_client::Error),
    /// The visitor's text did not arrive in the room.
    #[error("the visitor's text did not reach the room in time")]
    NotHeard,
    /// The answer did not reach the visitor.
    #[error("the answer did not reach the visitor in time")]
    NotAnswered,
    /// The canary's own files cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The canary's metrics cannot be written.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// How long a text took each way.
#[derive(Clone, Copy, Debug)]
pub struct RoundTrip {
    /// From the visitor to the room.
    pub to_staff: Duration,
    /// From the room to the visitor.
    pub to_visitor: Duration,
}

/// Makes one round trip, and records the result.
pub async fn run(config: &config::Canary) -> Result<RoundTrip, Failure> {
    let mut state = State::load(&config.state);
    let outcome = attempt(config, &mut state).await;
    let now = Utc::now();
    state.failed = outcome.is_err();
    if outcome.is_ok() {
        state.last_success = Some(now.timestamp());
    }
    state.save(&config.state)?;
    if let Some(path) = &config.textfile {
        let text = metrics(&outcome, &state, now.timestamp())?;
        replace(path, &text)?;
    }
    outcome
}

async fn attempt(config: &config::Canary, state: &mut State) -> Result<RoundTrip, Failure> {
    let deadline = Instant::now() + config.timeout;
    let account = Account::new(config)?;
    let visitor = Visitor::new(config);
    let nonce = Uuid::new_v4().to_string();

    let heard = async {
        let (said, message) = loop {
            let (conversation, room_id) = settle(config, state, &visitor, &account).await?;
            let now = Instant::now();
            if let Some(message_id) = visitor
                .say(&conversation, &format!("Canary {nonce}"))
                .await?
            {
                break (now, (conversation, room_id, message_id));
            }
            // The conversation has ended since the last run.
            state.conversation = None;
        };
        account.hear(&message.1, &nonce).await?;
        Ok::<_, Failure>((said.elapsed(), message))
    };
    let (to_staff, (conversation, room_id, message_id)) = time::timeout_at(deadline, heard)
        .await
        .map_err(|_| Failure::NotHeard)??;

    let answer = format!("Heard {nonce}");
    let answered = Instant::now();
    let seen = async {
        account.say(&room_id, &nonce, &answer).await?;
        visitor.see(&conversation, &message_id, &answer).await
    };
    time::timeout_at(deadline, seen)
        .await
        .map_err(|_| Failure::NotAnswered)??;
    Ok(RoundTrip {
        to_staff,
        to_visitor: answered.elapsed(),
    })
}

/// The conversation to use, and its room. A new conversation counts as begun only when the account is in the room,
/// because the account must see what is written afterwards.
async fn settle(
    config: &config::Canary,
    state: &mut State,
    visitor: &Visitor,
    account: &Account,
) -> Result<(Conversation, String), Failure> {
    if let Some(old) = state.take_worn_out(Utc::now()) {
        visitor.close(&old).await;
    }
    let mut conversation = match state.conversation.take() {
        Some(conversation) => conversation,
        None => visitor.begin().await?,
    };
    // If this run is cut short, the next one continues from here.
    state.conversation = Some(conversation.clone());
    state.save(&config.state)?;
    let room_id = match conversation.room_id.clone() {
        Some(room_id) => room_id,
        None => account.enter(&conversation.session_id).await?,
    };
    conversation.room_id = Some(room_id.clone());
    state.conversation = Some(conversation.clone());
    state.save(&config.state)?;
    Ok((conversation, room_id))
}

fn metrics(
    outcome: &Result<RoundTrip, Failure>,
    state: &State,
    now: i64,
) -> Result<String, prometheus::Error> {
    let [success, last_run, last_success, to_staff, to_visitor] = METRICS;
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let time = |seconds: i64| seconds as f64;
    let gauges = Gauges::new()?;
    let help = "Whether the last text came back.";
    gauges.add(success, help, &[], f64::from(u8::from(outcome.is_ok())))?;
    gauges.add(last_run, "When the canary last tried.", &[], time(now))?;
    if let Some(seconds) = state.last_success {
        let help = "When a text last came back.";
        gauges.add(last_success, help, &[], time(seconds))?;
    }
    if let Ok(trip) = outcome {
        let help = "Time from the visitor to the room.";
        gauges.add(to_staff, help, &[], trip.to_staff.as_secs_f64())?;
        let help = "Time from the room to the visitor.";
        gauges.add(to_visitor, help, &[], trip.to_visitor.as_secs_f64())?;
    }
    gauges.render()
}

/// Replaces the file in one step: a reader sees the old file or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    fs::write(&beside, text)?;
    fs::rename(beside, path)
}
