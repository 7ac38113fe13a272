//! The configuration of the homeserver, the bot and the staff.

use std::str::FromStr;

use matrix_sdk::ruma::OwnedUserId;
use secrecy::SecretString;
use url::Url;

use super::{Answers, Env};

/// The page from which the canary writes. No real page has this address (RFC 2606), so it identifies the canary's
/// conversations.
pub const CANARY_PAGE: &str = "https://canary.invalid/";

/// The side of the staff.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The base URL of the client-server API.
    pub homeserver_url: Url,
    /// The bot's user id.
    pub bot: OwnedUserId,
    /// The bot's credentials.
    pub credentials: BotCredentials,
    /// The people who are invited to every room.
    pub staff: Vec<OwnedUserId>,
    /// What people who join later can read.
    pub history_visibility: HistoryVisibility,
    /// The account that is invited instead of the staff to conversations from the canary's page.
    pub canary: Option<OwnedUserId>,
    /// How the bot answers staff.
    pub answers: Answers,
}

/// The bot's credentials.
#[derive(Clone, Debug)]
pub enum BotCredentials {
    /// An access token that the operator has made.
    AccessToken(SecretString),
    /// The password with which the server logs in.
    Password(SecretString),
}

impl BotCredentials {
    /// The access token or the password.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        match self {
            Self::AccessToken(secret) | Self::Password(secret) => secret,
        }
    }
}

/// `m.room.history_visibility` of the rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryVisibility {
    /// People see what is sent after they have joined; the bot posts a recap for them.
    Joined,
    /// People see what is sent after they were invited.
    Invited,
}

impl HistoryVisibility {
    /// The value as it is called in Matrix.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Invited => "invited",
        }
    }
}

impl FromStr for HistoryVisibility {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "joined" => Ok(Self::Joined),
            "invited" => Ok(Self::Invited),
            _ => Err("expected `joined` or `invited`"),
        }
    }
}

impl Matrix {
    /// The page that identifies the canary's conversations, if there is a canary.
    #[must_use]
    pub fn canary_page(&self) -> Option<&'static str> {
        self.canary.as_ref().map(|_| CANARY_PAGE)
    }

    pub(super) fn read(env: &mut Env) -> Option<Self> {
        let homeserver_url = read_base_url(env, "MATRIX_HOMESERVER_URL");
        let bot = read_user_id(env, "MATRIX_SUPPORT_BOT_MXID");
        let credentials = read_credentials(
            env,
            "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
            "MATRIX_SUPPORT_BOT_PASSWORD",
        );
        let staff = read_staff(env);
        let history_visibility = env.parse_or(
            "MATRIX_SUPPORT_HISTORY_VISIBILITY",
            HistoryVisibility::Joined,
        );
        if let (Some(bot), Some(staff)) = (&bot, &staff)
            && staff.contains(bot)
        {
            env.error("MATRIX_SUPPORT_STAFF_MXIDS", "must not contain the bot");
        }
        let answers = Answers::read(env);
        let canary = read_canary(env, &[bot.as_slice(), staff.as_deref().unwrap_or_default()]);
        if let Some(bot) = &bot {
            let staff = staff.as_deref().unwrap_or_default();
            refuse_strangers(env, "MATRIX_SUPPORT_STAFF_MXIDS", bot, staff);
            refuse_strangers(env, CANARY, bot, canary.as_slice());
        }
        Some(Self {
            homeserver_url: homeserver_url?,
            bot: bot?,
            credentials: credentials?,
            staff: staff?,
            history_visibility: history_visibility?,
            canary,
            answers: answers?,
        })
    }
}

pub(super) fn read_base_url(env: &mut Env, name: &str) -> Option<Url> {
    let url: Url = env.parse_required(name)?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        env.error(name, "is not valid: expected an http or https URL");
        return None;
    }
    Some(url)
}

const CANARY: &str = "MATRIX_SUPPORT_CANARY_MXID";

fn read_canary(env: &mut Env, others: &[&[OwnedUserId]]) -> Option<OwnedUserId> {
    let text = env.text(CANARY)?;
    let id = parse_user_id(env, CANARY, &text)?;
    if others.iter().any(|ids| ids.contains(&id)) {
        env.error(CANARY, "must be neither the bot nor one of the staff");
    }
    Some(id)
}

/// Rooms are not federated, so an account on another server could never join one.
pub(super) fn refuse_strangers(env: &mut Env, name: &str, bot: &OwnedUserId, ids: &[OwnedUserId]) {
    let server = bot.server_name();
    if let Some(stranger) = ids.iter().find(|id| id.server_name() != server) {
        env.error(
            name,
            format!(
                "`{stranger}` is not on the bot's server, `{server}`, and could not join the rooms"
            ),
        );
    }
}

fn read_user_id(env: &mut Env, name: &str) -> Option<OwnedUserId> {
    let text = env.required(name)?;
    parse_user_id(env, name, &text)
}

pub(super) fn parse_user_id(env: &mut Env, name: &str, text: &str) -> Option<OwnedUserId> {
    let id = OwnedUserId::try_from(text)
        .ok()
        .filter(|id| !id.localpart().is_empty());
    if id.is_none() {
        env.error(
            name,
            format!("is not valid: `{text}` is no Matrix user id (@name:server)"),
        );
    }
    id
}

fn read_staff(env: &mut Env) -> Option<Vec<OwnedUserId>> {
    const NAME: &str = "MATRIX_SUPPORT_STAFF_MXIDS";
    let text = env.required(NAME)?;
    let mut staff = Vec::new();
    for item in text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        let id = parse_user_id(env, NAME, item)?;
        if !staff.contains(&id) {
            staff.push(id);
        }
    }
    if staff.is_empty() {
        env.error(NAME, "names nobody");
        return None;
    }
    Some(staff)
}

/// An account's credentials, of which exactly one is to be given.
pub(super) fn read_credentials(
    env: &mut Env,
    token: &str,
    password: &str,
) -> Option<BotCredentials> {
    match (env.is_given(token), env.is_given(password)) {
        (true, true) => {
            env.error(
                token,
                format!("is given beside {password}: unset one of them"),
            );
            None
        }
        (true, false) => env.secret(token).map(BotCredentials::AccessToken),
        (false, true) => env.secret(password).map(BotCredentials::Password),
        (false, false) => {
            env.error(token, format!("is required (or {password})"));
            None
        }
    }
}
