//! What the examinations of the homeserver and of the staff share.

use matrix_client::{Answer, Client, request};
use serde_json::Value;

use super::Doctor;
use crate::config::Config;

/// What the examination goes by, once the bot is logged in.
pub(super) struct Examination<'a> {
    pub(super) config: &'a Config,
    pub(super) bot: &'a Client,
    pub(super) asked: &'a Doctor,
}

/// The errcode of an answer, or its status.
pub(super) fn reason(answer: &Answer) -> String {
    let errcode = answer.body["errcode"].as_str();
    errcode.map_or_else(|| answer.status.to_string(), str::to_owned)
}

/// The whole state of a room; `None` when the bot is not in it.
pub(super) async fn state(bot: &Client, room_id: &str) -> Option<Vec<Value>> {
    let answer = bot.ask(&request::state(room_id)).await.ok()?;
    answer.body.as_array().cloned()
}
