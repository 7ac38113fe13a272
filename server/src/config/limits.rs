//! The configuration of limits.

use std::{num::NonZeroU32, str::FromStr, time::Duration};

use app::contract::DEFAULT_MAX_MESSAGE_CHARS;

use super::Env;

/// A number per period; `None` means no limit.
pub type Limit = Option<NonZeroU32>;

const DEFAULT_RELAY_GRACE: Duration = Duration::from_mins(10);

/// A Matrix event may have 65,536 bytes; a scalar value takes at most 4 of them.
const HIGHEST_MAX_MESSAGE_CHARS: usize = 15_000;

/// How the server reacts when the number of new sessions comes near a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofOfWork {
    /// The server asks for a proof of work, and admits visitors who provide one.
    Auto,
    /// The server refuses new sessions at the limit.
    Off,
}

impl FromStr for ProofOfWork {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            _ => Err("expected `auto` or `off`"),
        }
    }
}

/// Limits on what visitors do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A message's length in Unicode scalar values.
    pub max_message_chars: usize,
    /// How long a session lives after the last message of either side.
    pub session_ttl: Duration,
    /// How long the homeserver may be out of reach before new sessions are refused.
    pub relay_grace: Duration,
    /// How long a session's messages are kept after its end; without it they are never deleted.
    pub retention: Option<Duration>,
    /// Whether retention also removes from the homeserver what the bot wrote there.
    pub retention_erases_rooms: bool,
    /// New sessions per client address and hour.
    pub sessions_per_ip_per_hour: Limit,
    /// New sessions of all addresses together per hour.
    pub sessions_per_hour: Limit,
    /// How the server reacts near the limits on new sessions.
    pub proof_of_work: ProofOfWork,
    /// Messages per session and minute.
    pub messages_per_session_per_minute: Limit,
    /// Requests per client address and minute, all operations together.
    pub requests_per_ip_per_minute: Limit,
}

impl Limits {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        let max_message_chars = read_max_message_chars(env);
        let session_ttl = read_session_ttl(env);
        let retention = read_retention(env);
        let retention_erases_rooms = read_retention_matrix(env);
        let relay_grace = env.parse_or(
            "SUPPORT_CHAT_RELAY_GRACE",
            humantime::Duration::from(DEFAULT_RELAY_GRACE),
        );
        let proof_of_work = env.parse_or("SUPPORT_CHAT_PROOF_OF_WORK", ProofOfWork::Auto);
        let mut limit = |name, default: u32| env.parse_or(name, default).map(NonZeroU32::new);
        let sessions_per_ip_per_hour = limit("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", 10);
        let sessions_per_hour = limit("SUPPORT_CHAT_SESSIONS_PER_HOUR", 300);
        let messages_per_session_per_minute =
            limit("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", 20);
        let requests_per_ip_per_minute = limit("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", 600);
        Some(Self {
            max_message_chars: max_message_chars?,
            session_ttl: session_ttl?,
            retention: retention?,
            retention_erases_rooms: retention_erases_rooms?,
            relay_grace: *relay_grace?,
            sessions_per_ip_per_hour: sessions_per_ip_per_hour?,
            sessions_per_hour: sessions_per_hour?,
            proof_of_work: proof_of_work?,
            messages_per_session_per_minute: messages_per_session_per_minute?,
            requests_per_ip_per_minute: requests_per_ip_per_minute?,
        })
    }
}

fn read_max_message_chars(env: &mut Env) -> Option<usize> {
    const NAME: &str = "SUPPORT_CHAT_MAX_MESSAGE_CHARS";
    let chars = env.parse_or(NAME, DEFAULT_MAX_MESSAGE_CHARS)?;
    if !(1..=HIGHEST_MAX_MESSAGE_CHARS).contains(&chars) {
        env.error(
            NAME,
            format!("must be from 1 to {HIGHEST_MAX_MESSAGE_CHARS}"),
        );
        return None;
    }
    Some(chars)
}

fn read_retention_matrix(env: &mut Env) -> Option<bool> {
    const NAME: &str = "SUPPORT_CHAT_RETENTION_MATRIX";
    let is_on = env.switch(NAME, false)?;
    if is_on && env.text("SUPPORT_CHAT_RETENTION").is_none() {
        env.error(NAME, "has no effect without SUPPORT_CHAT_RETENTION");
    }
    Some(is_on)
}

/// `None` in the outer option means a mistake, and in the inner one that nothing is deleted.
#[expect(
    clippy::option_option,
    reason = "the two absences mean different things"
)]
fn read_retention(env: &mut Env) -> Option<Option<Duration>> {
    const NAME: &str = "SUPPORT_CHAT_RETENTION";
    match env.text(NAME) {
        None => Some(None),
        Some(text) => env
            .parse::<humantime::Duration>(NAME, &text)
            .map(|kept| Some(*kept)),
    }
}

fn read_session_ttl(env: &mut Env) -> Option<Duration> {
    const NAME: &str = "SUPPORT_CHAT_SESSION_TTL";
    const DAY: Duration = Duration::from_hours(24);
    let ttl = env.parse_or(NAME, humantime::Duration::from(DAY))?;
    if ttl.as_secs() == 0 || *ttl > DAY * 3650 {
        env.error(NAME, "must be from 1s to 10 years");
        return None;
    }
    Some(*ttl)
}
