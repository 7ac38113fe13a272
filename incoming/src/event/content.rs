//! Parts of an event's content.

use serde_json::Value;

use crate::{bounds, formatted_text::Formatted, visible_text};

/// Whether events of this type begin a call, or ring for one.
pub(super) fn is_call(event_type: &str) -> bool {
    matches!(
        event_type,
        "m.call.invite"
            | "m.call.notify"
            | "org.matrix.msc4075.call.notify"
            | "m.rtc.notification"
            | "org.matrix.msc4075.rtc.notification"
    )
}

/// Whether events of this type are a live position.
pub(super) fn is_beacon(event_type: &str) -> bool {
    matches!(event_type, "m.beacon" | "org.matrix.msc3672.beacon")
}

/// Whether events of this type follow from one that was already handled, or are between clients.
pub(super) fn is_consequence(event_type: &str) -> bool {
    event_type.starts_with("m.call.")
        || event_type.starts_with("m.key.verification.")
        || matches!(
            event_type,
            "m.poll.response"
                | "m.poll.end"
                | "org.matrix.msc3381.poll.response"
                | "org.matrix.msc3381.poll.end"
                | "m.rtc.decline"
                | "org.matrix.msc4310.rtc.decline"
                | "org.matrix.call.sdp_stream_metadata_changed"
                | "org.matrix.call.asserted_identity"
                | "io.element.call.encryption_keys"
                | "m.room.message.feedback"
        )
}

pub(super) fn is_emote(content: &Value) -> bool {
    content.get("msgtype").is_some_and(|it| it == "m.emote")
}

/// The text of a content: the plain text of its markup, if there is any that can be parsed. An emote's text is its body.
pub(super) fn text(content: &Value, is_reply: bool) -> Option<String> {
    let body = content.get("body").and_then(Value::as_str);
    let formatted = (!is_emote(content)).then(|| formatted(content)).flatten();
    let formatted = formatted.map(|formatted| formatted.text);
    if let Some(text) = formatted.filter(|text| !text.is_empty()) {
        return Some(bounds::storable_text(&text));
    }
    let body = bounds::storable_text(body?);
    Some(match visible_text::reply_without_fallback(&body) {
        Some(reply) if is_reply => reply.to_owned(),
        _ => body,
    })
}

fn formatted(content: &Value) -> Option<Formatted> {
    let is_html = content.get("format")?.as_str()? == "org.matrix.custom.html";
    let html = content.get("formatted_body")?.as_str()?;
    is_html.then(|| Formatted::read(html))
}

pub(super) fn is_thread(content: &Value) -> bool {
    let relation = content.pointer("/m.relates_to/rel_type");
    relation.is_some_and(|it| it == "m.thread" || it == "io.element.thread")
}

/// Whether the content mentions the room, or anybody except the bot. `m.mentions` says so, and with clients that do not
/// know it, a link to a user or `@room` is a mention.
pub(super) fn mentions_another(content: &Value, bot: &str) -> bool {
    if let Some(Value::Object(mentions)) = content.get("m.mentions") {
        let users = mentions.get("user_ids").and_then(Value::as_array);
        return mentions.get("room") == Some(&Value::Bool(true))
            || users.into_iter().flatten().any(|user| user != bot);
    }
    let pills = formatted(content).map_or_else(Vec::new, |formatted| formatted.users);
    let body = content.get("body").and_then(Value::as_str);
    pills.iter().any(|user| user != bot) || body.is_some_and(mentions_room)
}

/// Finds what the push rule `.m.rule.roomnotif` finds.
fn mentions_room(body: &str) -> bool {
    const ROOM: &str = "@room";
    let is_word = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    body.match_indices(ROOM).any(|(at, _)| {
        let (before, behind) = (&body[..at], &body[at + ROOM.len()..]);
        // With a colon after it, it is a user's id.
        let is_id =
            behind.starts_with([':', '.', '-']) && behind[1..].starts_with(char::is_alphanumeric);
        !is_word(before.chars().next_back()) && !is_word(behind.chars().next()) && !is_id
    })
}
