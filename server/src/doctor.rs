//! `matrix-support-chat doctor`: tries everything that the configuration names, and says of each part in one line whether
//! it works, or what to do about it.

mod addresses;
mod certificate;
mod examination;
mod finding;
mod homeserver;
mod mail;
mod postgres;
mod staff;
mod time_zone;
mod turnstile;

use std::{
    error::Error,
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use url::Url;

use crate::config::Config;

use finding::Findings;

pub use finding::{Finding, Level};

/// A request that takes longer has no answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to try.
#[derive(Clone, Debug, Default, Args)]
pub struct Doctor {
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    /// Where visitors reach the server, if `SUPPORT_CHAT_PUBLIC_URL` does not say so, as `https://chat.example.com`.
    #[arg(long)]
    url: Option<Url>,
    /// Also invite every member of the staff into the room that is made for the test, and take the invitations back. It
    /// may ring at theirs.
    #[arg(long)]
    invite: bool,
}

/// Why the exit status is 1.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// Something does not work.
    #[error("{0} of the parts that were tried do not work")]
    Problems(usize),
    /// The findings cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Tries everything, and writes the findings.
pub async fn run(config: &Config, asked: &Doctor, out: &mut impl Write) -> Result<(), Unwell> {
    let findings = examine(config, asked).await;
    if asked.json {
        serde_json::to_writer_pretty(&mut *out, &findings).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
    }
    let problems = findings.iter().filter(|it| it.level == Level::Problem);
    match problems.count() {
        0 => Ok(()),
        count => Err(Unwell::Problems(count)),
    }
}

/// Tries everything.
pub async fn examine(config: &Config, asked: &Doctor) -> Vec<Finding> {
    let mut findings = Findings::default();
    postgres::examine(config, &mut findings).await;
    homeserver::examine(config, asked, &mut findings).await;
    mail::examine(config, &mut findings).await;
    turnstile::examine(config, &mut findings).await;
    time_zone::examine(config, &mut findings);
    addresses::examine(config, asked, &mut findings).await;
    findings.into_all()
}

/// The reasons of a failed request, without its address, which the finding names.
fn reasons(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut reasons = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reasons = format!("{reasons}: {inner}");
        source = inner.source();
    }
    reasons
}
