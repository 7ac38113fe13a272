//! The commands of the desk.

use crate::{command::after_mark, event::RoomEvent, visible_text};

/// The longest code; a longer one names no conversation.
const MAX_CODE: usize = 16;

/// A member of the staff's request to the bot in the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An invitation to the room of the conversation with this code, in capital letters; empty without one.
    Open(String),
    /// Staff are away until this time of day; `None` when the text names none.
    Away(Option<(u32, u32)>),
    /// Staff are back.
    Back,
    /// Figures.
    Stats,
    /// A list of the commands, also after an unknown one.
    Help,
}

/// The command in an event, if there is one: an `m.text` of its own that begins with `!`. The edit of a command is not
/// a command, and neither is a message in a thread.
#[must_use]
pub fn command(event: &RoomEvent) -> Option<Command> {
    let is_text = event.event_type == "m.room.message"
        && event.state_key.is_none()
        && event.str_at("/msgtype") == Some("m.text")
        && event.str_at("/m.relates_to/rel_type").is_none();
    let body = event.str_at("/body").filter(|_| is_text)?;
    let text = match visible_text::reply_without_fallback(body) {
        Some(text) if event.is_reply() => text,
        _ => body,
    };
    let line = after_mark(text)?;
    // This is an exclamation.
    if !line.starts_with(char::is_alphabetic) {
        return None;
    }
    let mut words = line.split_whitespace();
    let word = words.next().unwrap_or_default().to_lowercase();
    let arguments: Vec<_> = words.collect();
    Some(match (word.as_str(), &*arguments) {
        ("open", [typed]) => Command::Open(code(typed)),
        ("open", _) => Command::Open(String::new()),
        // Of `2:00 pm` nobody may be told that it is at night.
        ("away", [typed]) => Command::Away(time_of_day(typed)),
        ("away", _) => Command::Away(None),
        ("back", []) => Command::Back,
        ("stats", []) => Command::Stats,
        _ => Command::Help,
    })
}

/// The letters and digits of what was typed as a code.
fn code(typed: &str) -> String {
    let code: String = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(MAX_CODE + 1)
        .collect();
    if code.len() > MAX_CODE {
        return String::new();
    }
    code.to_ascii_uppercase()
}

/// `14:00`, `9:30`
fn time_of_day(typed: &str) -> Option<(u32, u32)> {
    let (hour, minute) = typed.split_once(':')?;
    let number = |digits: &str, highest: u32| {
        let is_number =
            (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_number)?;
        (number <= highest).then_some(number)
    };
    if minute.len() != 2 {
        return None;
    }
    Some((number(hour, 23)?, number(minute, 59)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn of(content: &Value) -> Option<Command> {
        let event = json!({
            "event_id": "$e", "type": "m.room.message", "sender": "@alice:localhost", "content": content,
        });
        command(&serde_json::from_value(event).unwrap())
    }

    fn said(body: &str) -> Option<Command> {
        of(&json!({ "msgtype": "m.text", "body": body }))
    }

    #[test]
    fn a_command_is_a_word_after_an_exclamation_mark() {
        let open = |code: &str| Some(Command::Open(code.into()));
        assert_eq!(said("!open K7F2"), open("K7F2"));
        assert_eq!(said("  !OPEN `k7f2` \n"), open("K7F2"));
        assert_eq!(said("\u{200b}\u{ff01}open k7f2\u{feff}"), open("K7F2"));
        assert_eq!(said("!open"), open(""));
        assert_eq!(said("!open K7F2 please"), open(""));
        assert_eq!(said("!open K7F2\nThanks"), open(""));
        assert_eq!(said(&format!("!open {}", "A".repeat(99))), open(""));
        assert_eq!(said("!away 14:00"), Some(Command::Away(Some((14, 0)))));
        assert_eq!(said("!away 9:05"), Some(Command::Away(Some((9, 5)))));
        for wrong in [
            "",
            " 24:00",
            " 14:60",
            " 14",
            " 1:2",
            " +1:00",
            " 14:00:00",
            " 25:00",
            " -1:00",
            " 2:00 pm",
            " 2pm",
            " tomorrow",
            " ١٤:00",
        ] {
            let command = said(&format!("!away{wrong}"));
            assert_eq!(command, Some(Command::Away(None)), "{wrong}");
        }
        assert_eq!(said("!back"), Some(Command::Back));
        assert_eq!(said("!stats"), Some(Command::Stats));
        assert_eq!(said("!help"), Some(Command::Help));
        for wrong in ["!dance", "!stats x", "!stats?", "!back to work", "!help me"] {
            assert_eq!(said(wrong), Some(Command::Help), "{wrong}");
        }
    }

    #[test]
    fn what_colleagues_say_to_each_other_is_no_command() {
        for body in [
            "hello",
            "open K7F2",
            "!",
            "!!!",
            "! open K7F2",
            "see !open K7F2",
            "",
        ] {
            assert_eq!(said(body), None, "{body}");
        }
        for msgtype in ["m.notice", "m.emote", "m.image"] {
            assert_eq!(of(&json!({ "msgtype": msgtype, "body": "!back" })), None);
        }
        let edit = json!({
            "msgtype": "m.text", "body": "!back", "m.new_content": { "msgtype": "m.text", "body": "!back" },
            "m.relates_to": { "rel_type": "m.replace", "event_id": "$1" },
        });
        assert_eq!(of(&edit), None);
        let thread = json!({
            "msgtype": "m.text", "body": "!back",
            "m.relates_to": { "rel_type": "m.thread", "event_id": "$1" },
        });
        assert_eq!(of(&thread), None);
    }

    #[test]
    fn a_reply_is_a_command_without_what_it_quotes() {
        let reply = json!({
            "msgtype": "m.text", "body": "> <@bot:localhost> Waiting: Ada\n\n!open K7F2",
            "m.relates_to": { "m.in_reply_to": { "event_id": "$1" } },
        });
        assert_eq!(of(&reply), Some(Command::Open("K7F2".into())));
    }

    proptest! {
        #[test]
        fn a_code_is_letters_and_digits_and_a_time_is_one_of_the_day(body in "!(open|away) .*") {
            match said(&body) {
                Some(Command::Open(code)) => {
                    prop_assert!(code.len() <= MAX_CODE);
                    prop_assert!(code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
                }
                Some(Command::Away(Some((hour, minute)))) => prop_assert!(hour < 24 && minute < 60),
                Some(Command::Away(None)) => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
