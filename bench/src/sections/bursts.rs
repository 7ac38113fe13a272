//! Many texts at once, sent by the server and by the bare client in turn.

use std::time::Instant;

use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    Result, Setup,
    load::{number, per_second},
    report::{
        Goal, Report,
        rounds::{Side, alternate, medians},
    },
    system::{matrix::until_seen, server::Server, usage::Usage},
};

/// Sends this many texts at once and waits until all were seen, by the server and by the bare client in turn. Returns
/// the server's costs.
pub(crate) async fn bursts(
    setup: &Setup,
    server: &Server,
    seen: &mut mpsc::UnboundedReceiver<String>,
    (work, count): (&str, usize),
    say: impl AsyncFn(Side, &[String]) -> Result<()>,
    report: &mut Report,
) -> Result<Option<Usage>> {
    let rounds = alternate(setup, async |side| {
        let texts: Vec<_> = (0..count).map(|_| Uuid::new_v4().to_string()).collect();
        let (began, before) = (Instant::now(), Usage::now(setup, server)?);
        tokio::try_join!(say(side, &texts), until_seen(seen, texts.clone()))?;
        let used = Usage::now(setup, server)? - before;
        Ok((per_second(count, began.elapsed()), used.per(number(count))))
    })
    .await?;
    let rates = medians(&rounds, |(rate, _)| *rate);
    report.compare(work, rates, "/s", "bare client", Goal::AtLeast(0.9));
    Ok(rounds.0.last().map(|(_, used)| *used))
}
