//! What someone who joins cannot see, told again in one notice.
//!
//! With `joined` history, Matrix shows a member nothing from before their joining. The bot can see
//! it, so the room's own history is read back from the join: it alone knows what came before.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{
    event::{Meaning, RoomEvent},
    homeserver::{Homeserver, MatrixError},
};
use crate::storage::sessions::Subject;

/// Texts in one recap.
const MAX_TEXTS: usize = 50;

/// An event may have 65,536 bytes; this leaves room for what the homeserver adds.
const MAX_JSON_BYTES: usize = 56 * 1024;

/// One text of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    at: Option<DateTime<Utc>>,
    /// `Visitor`, or the staff member's user id.
    whose: String,
    body: String,
}

/// The notice for who joined with `join_event_id`; `None` when there is nothing that they cannot see.
pub(super) async fn compose(
    homeserver: &Homeserver,
    room_id: &str,
    subject: &Subject,
    join_event_id: &str,
    user_id: &str,
) -> Result<Option<String>, MatrixError> {
    let bot = homeserver.config().bot.as_str();
    let mut unseen = Unseen::new(bot, user_id, details(subject));
    let context = homeserver.context(room_id, join_event_id).await?;
    unseen.take(&crossed(homeserver, room_id, context.after, user_id).await?);
    let mut from = context.start.filter(|_| unseen.take(&context.before));
    while let Some(token) = from {
        let (page, next) = homeserver.history(room_id, Some(&token), None).await?;
        if !unseen.take(&page) {
            break;
        }
        from = next;
    }
    Ok(write(&unseen))
}

/// What stands behind the join in the history although it was on its way when the join came: for such
/// an event the homeserver does not count them as a member yet. Newest first.
async fn crossed(
    homeserver: &Homeserver,
    room_id: &str,
    after: Vec<RoomEvent>,
    user_id: &str,
) -> Result<Vec<RoomEvent>, MatrixError> {
    let mut crossed = Vec::new();
    for event in after {
        if event.state_key.is_some() {
            continue;
        }
        let event_id = &event.event_id;
        if homeserver.had_joined(room_id, event_id, user_id).await? {
            break;
        }
        crossed.push(event);
    }
    crossed.reverse();
    Ok(crossed)
}

/// Collects texts, newest first.
struct Unseen<'a> {
    bot: &'a str,
    user_id: &'a str,
    /// Who the visitor is, and whether telling it is among what was missed.
    details: Option<String>,
    missed_details: bool,
    texts: Vec<Text>,
    /// The newest edits of events that are still to come.
    edits: HashMap<String, String>,
    more: bool,
}

impl<'a> Unseen<'a> {
    fn new(bot: &'a str, user_id: &'a str, details: Option<String>) -> Self {
        Self {
            bot,
            user_id,
            details,
            missed_details: false,
            texts: Vec::new(),
            edits: HashMap::new(),
            more: false,
        }
    }

    /// Takes a page of history in; `false` when it is enough.
    fn take(&mut self, page: &[RoomEvent]) -> bool {
        for event in page {
            if self.user_left(event) {
                return false;
            }
            let Some(text) = self.text(event) else {
                continue;
            };
            if self.texts.len() == MAX_TEXTS {
                self.more = true;
                return false;
            }
            self.texts.push(text);
        }
        true
    }

    /// Before they left they could read along.
    fn user_left(&self, event: &RoomEvent) -> bool {
        event.event_type == "m.room.member"
            && event.state_key.as_deref() == Some(self.user_id)
            && event.was_joined()
            && event.str_at("/membership") != Some("join")
    }

    fn text(&mut self, event: &RoomEvent) -> Option<Text> {
        let at = event.written_at();
        if event.sender == self.bot {
            // Of the bot's own messages the texts are the visitor's, the notices its own.
            let is_text =
                event.event_type == "m.room.message" && event.str_at("/msgtype") == Some("m.text");
            if self.details.is_some() && self.details.as_deref() == event.str_at("/body") {
                self.missed_details = true;
            }
            let body = event.str_at("/body").filter(|_| is_text)?;
            return Some(Text {
                at,
                whose: "Visitor".to_owned(),
                body: body.to_owned(),
            });
        }
        match event.meaning(self.bot) {
            Meaning::Text(body) => {
                let body = self.edits.remove(&event.event_id).unwrap_or(body);
                Some(Text {
                    at,
                    whose: event.sender.clone(),
                    body,
                })
            }
            Meaning::Edit { of, text } => {
                self.edits.entry(of).or_insert(text);
                None
            }
            _ => None,
        }
    }
}

/// The notice about who the visitor is; `None` when they said nothing of it.
pub(super) fn details(subject: &Subject) -> Option<String> {
    let lines = [
        ("Visitor", &subject.visitor_name),
        ("E-mail", &subject.visitor_email),
        ("Page", &subject.source_url),
        ("Page title", &subject.page_title),
    ];
    let lines: Vec<_> = lines
        .iter()
        .filter_map(|(label, value)| value.as_ref().map(|value| format!("{label}: {value}")))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// `texts` are newest first; as many of them as one event holds are told, oldest first.
fn write(unseen: &Unseen<'_>) -> Option<String> {
    let Unseen { texts, details, .. } = unseen;
    if texts.is_empty() {
        let details = details.as_ref().filter(|_| unseen.missed_details)?;
        return Some(format!("What was said before you joined:\n{details}"));
    }
    let details = details
        .as_ref()
        .map(|details| format!("{details}\n"))
        .unwrap_or_default();
    let mut left = MAX_JSON_BYTES.saturating_sub(json_bytes(&details));
    let mut told = Vec::new();
    for text in texts {
        let at = text
            .at
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
            .unwrap_or_default();
        let entry = format!("\n[{at}] {}: {}\n", text.whose, text.body);
        let bytes = json_bytes(&entry);
        if bytes > left {
            break;
        }
        left -= bytes;
        told.push(entry);
    }
    let omitted = unseen.more || told.len() < texts.len();
    told.reverse();
    let scope = if omitted {
        format!(
            "the newest {} messages; there were more before them",
            told.len()
        )
    } else {
        format!(
            "{} message{}",
            told.len(),
            if told.len() == 1 { "" } else { "s" }
        )
    };
    Some(format!(
        "What was said before you joined ({scope}):\n{details}{}",
        told.concat().trim_end()
    ))
}

/// How much of an event's size a text takes.
fn json_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(text.len(), |json| json.len())
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    const BOT: &str = "@bot:localhost";
    const ALICE: &str = "@alice:localhost";

    fn subject() -> Subject {
        Subject {
            id: Uuid::nil(),
            created_at: Utc.with_ymd_and_hms(2026, 5, 23, 0, 0, 0).unwrap(),
            room_id: None,
            source_url: Some("https://webdevelop.biz/".into()),
            page_title: None,
            visitor_name: Some("Ada".into()),
            visitor_email: None,
        }
    }

    fn event(id: usize, sender: &str, event_type: &str, more: &Value) -> RoomEvent {
        let mut event = json!({
            "event_id": format!("${id}"), "sender": sender, "type": event_type,
            "origin_server_ts": 1_779_494_400_000_i64,
        });
        for (name, value) in more.as_object().unwrap() {
            event[name] = value.clone();
        }
        serde_json::from_value(event).unwrap()
    }

    fn text(id: usize, sender: &str, body: &str) -> RoomEvent {
        event(
            id,
            sender,
            "m.room.message",
            &json!({"content": {"msgtype": "m.text", "body": body}}),
        )
    }

    fn member(id: usize, user_id: &str, membership: &str, previous: &str) -> RoomEvent {
        event(
            id,
            user_id,
            "m.room.member",
            &json!({
                "state_key": user_id, "content": {"membership": membership},
                "unsigned": {"prev_content": {"membership": previous}},
            }),
        )
    }

    /// The recap of a history given oldest first.
    fn recap(mut history: Vec<RoomEvent>) -> Option<String> {
        history.reverse();
        let mut unseen = Unseen::new(BOT, ALICE, details(&subject()));
        unseen.take(&history);
        write(&unseen)
    }

    #[test]
    fn it_tells_the_details_and_each_text_with_its_time_and_whose_it_was() {
        let recap = recap(vec![
            text(1, BOT, "Hello?"),
            text(2, "@bob:localhost", "Hi."),
            event(
                3,
                BOT,
                "m.room.message",
                &json!({"content": {"msgtype": "m.notice", "body": "n"}}),
            ),
        ]);
        assert_eq!(
            recap.unwrap(),
            "What was said before you joined (2 messages):\nVisitor: Ada\nPage: https://webdevelop.biz/\n\
             \n[2026-05-23T00:00:00Z] Visitor: Hello?\n\n[2026-05-23T00:00:00Z] @bob:localhost: Hi."
        );
    }

    #[test]
    fn an_edited_text_is_told_as_it_reads_now() {
        let edit = event(
            3,
            "@bob:localhost",
            "m.room.message",
            &json!({"content": {
                "msgtype": "m.text", "body": "* new", "m.new_content": {"msgtype": "m.text", "body": "new"},
                "m.relates_to": {"rel_type": "m.replace", "event_id": "$2"},
            }}),
        );
        let recap = recap(vec![text(2, "@bob:localhost", "old"), edit]).unwrap();
        assert!(
            recap.ends_with("@bob:localhost: new") && !recap.contains("old"),
            "{recap}"
        );
    }

    #[test]
    fn who_was_there_before_is_told_only_what_they_missed() {
        let recap = recap(vec![
            text(1, BOT, "seen"),
            member(2, ALICE, "leave", "join"),
            text(3, BOT, "missed"),
            member(4, ALICE, "invite", "leave"),
        ])
        .unwrap();
        assert!(
            recap.contains("missed") && !recap.contains("seen"),
            "{recap}"
        );
    }

    #[test]
    fn who_missed_only_who_the_visitor_is_is_told_that() {
        let content = json!({"msgtype": "m.notice", "body": details(&subject()).unwrap()});
        let notice = event(1, BOT, "m.room.message", &json!({ "content": content }));
        assert_eq!(
            recap(vec![notice, member(2, ALICE, "invite", "")]).unwrap(),
            "What was said before you joined:\nVisitor: Ada\nPage: https://webdevelop.biz/"
        );
    }

    #[test]
    fn who_missed_nothing_is_told_nothing() {
        assert_eq!(recap(vec![member(1, ALICE, "invite", "")]), None);
    }

    #[test]
    fn only_the_newest_fifty_are_told_and_it_says_so() {
        let recap = recap(
            (0..51)
                .map(|n| text(n, BOT, &format!("text-{n};")))
                .collect(),
        )
        .unwrap();
        assert!(
            recap.contains("the newest 50 messages; there were more"),
            "{recap}"
        );
        assert!(
            !recap.contains("text-0;") && recap.contains("text-1;") && recap.contains("text-50;")
        );
    }

    #[test]
    fn the_longest_texts_still_fit_one_event() {
        let long = "🦀\"\n".repeat(4_000);
        let recap = recap((0..20).map(|n| text(n, BOT, &long)).collect()).unwrap();
        assert!(recap.contains("there were more"));
        assert!(json_bytes(&recap) < 60_000, "{}", json_bytes(&recap));
    }
}
