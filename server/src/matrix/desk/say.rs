//! Builds the contents of the events that the bot sends to the desk.

use std::fmt::Write;

use matrix_sdk::ruma::ServerName;
use serde_json::{Value, json};

use crate::matrix::notice::Notice;

/// The maximum number of characters of a visitor's first words in a line.
const FIRST_WORDS: usize = 200;
/// The maximum number of lines of a visitor's first words.
const FIRST_LINES: usize = 3;

/// A text that mentions nobody. The members' clients notify them of it as of any other text.
pub(super) fn text(notice: &Notice) -> Value {
    let mut content = notice.content();
    content["msgtype"] = json!("m.text");
    content
}

/// A text in reply to an event.
pub(super) fn reply(notice: &Notice, to: &str) -> Value {
    let mut content = text(notice);
    content["m.relates_to"] = json!({ "m.in_reply_to": { "event_id": to } });
    content
}

/// A text in reply to an event that mentions its sender.
pub(super) fn answer(notice: &Notice, to: &str, sender: &str) -> Value {
    let mut content = reply(notice, to);
    content["m.mentions"] = json!({ "user_ids": [sender] });
    content
}

/// A text in reply to an event that mentions everybody in the room.
pub(super) fn call_all(notice: &Notice, to: &str) -> Value {
    let mut content = reply(notice, to);
    content["m.mentions"] = json!({ "room": true });
    content
}

/// An edit that replaces the content of an event.
pub(super) fn edit(of: &str, new: &Value) -> Value {
    let mut content = new.clone();
    for field in ["body", "formatted_body"] {
        let shown = new[field].as_str().unwrap_or_default();
        content[field] = json!(format!("* {shown}"));
    }
    content["m.new_content"] = new.clone();
    content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": of });
    content
}

/// The address that opens a room in Matrix clients.
pub(super) fn link(room_id: &str, server: &ServerName) -> String {
    let mut link = String::from("https://matrix.to/#/");
    for byte in room_id.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"!:._~-".contains(&byte);
        // Writing to a string cannot fail.
        let _ = if is_plain {
            write!(link, "{}", char::from(byte))
        } else {
            write!(link, "%{byte:02X}")
        };
    }
    let _ = write!(link, "?via={server}");
    link
}

/// The beginning of a text, cut to the length that a line may show.
pub(super) fn first_words(text: &str) -> String {
    let text = text.trim();
    let line_end = |n: usize| text.match_indices('\n').nth(n - 1).map(|(end, _)| end);
    let character_end = |n: usize| text.char_indices().nth(n).map(|(end, _)| end);
    match [line_end(FIRST_LINES), character_end(FIRST_WORDS)]
        .into_iter()
        .flatten()
        .min()
    {
        Some(end) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// The local part of a user id: `alice` for `@alice:example.org`.
pub(super) fn localpart(user_id: &str) -> &str {
    let name = user_id.strip_prefix('@').unwrap_or(user_id);
    name.split(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use matrix_sdk::ruma::server_name;

    use super::*;

    #[test]
    fn a_link_opens_the_room_and_is_one_address_whatever_the_room_is_called() {
        let server = server_name!("example.org:8448");
        assert_eq!(
            link("!AbC_1:example.org:8448", server),
            "https://matrix.to/#/!AbC_1:example.org:8448?via=example.org:8448"
        );
        assert_eq!(
            link("!a?b c\"<é", server),
            "https://matrix.to/#/!a%3Fb%20c%22%3C%C3%A9?via=example.org:8448"
        );
    }

    #[test]
    fn first_words_are_the_beginning_of_a_text() {
        assert_eq!(first_words(" Hello\n"), "Hello");
        assert_eq!(first_words("a\nb\nc\nd"), "a\nb\nc…");
        let long = "é".repeat(500);
        assert_eq!(first_words(&long), format!("{}…", "é".repeat(200)));
    }

    #[test]
    fn an_edit_shows_the_same_as_what_it_puts_in_place() {
        let mut notice = Notice::new("Answered by alice: Ada");
        notice.quote("How much?");
        let new = text(&notice);
        let edit = edit("$line", &new);
        assert_eq!(edit["m.new_content"], new);
        assert_eq!(edit["body"], "* Answered by alice: Ada\n> How much?");
        assert_eq!(edit["m.mentions"], json!({}));
        let relation = json!({ "rel_type": "m.replace", "event_id": "$line" });
        assert_eq!(edit["m.relates_to"], relation);
    }

    #[test]
    fn only_the_addressee_is_mentioned() {
        let notice = Notice::new("@room");
        assert_eq!(text(&notice)["m.mentions"], json!({}));
        assert_eq!(reply(&notice, "$1")["m.mentions"], json!({}));
        let mentions = &answer(&notice, "$1", "@alice:localhost")["m.mentions"];
        assert_eq!(*mentions, json!({ "user_ids": ["@alice:localhost"] }));
        assert_eq!(
            call_all(&notice, "$1")["m.mentions"],
            json!({ "room": true })
        );
    }

    #[test]
    fn staff_are_called_by_the_first_part_of_their_id() {
        assert_eq!(localpart("@alice:example.org"), "alice");
    }
}
