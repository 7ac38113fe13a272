//! What someone who joins cannot see, told again in one notice; and what was said in a session's former rooms.
//!
//! With `joined` history, Matrix shows a member nothing from before their joining. The bot can see
//! it, so the room's own history is read back from the join: it alone knows what came before. Rooms that the
//! bot is no longer in cannot be read: what was said there is told from Postgres.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    event::{Meaning, RoomEvent},
    homeserver::{Homeserver, MatrixError},
    notice::Notice,
};
use crate::storage::{
    Db,
    sessions::Subject,
    transcript::{self, Said},
};

/// Texts in one recap.
const MAX_TEXTS: usize = 50;

/// An event may have 65,536 bytes; this leaves room for what the homeserver adds.
const MAX_JSON_BYTES: usize = 56 * 1024;

/// Names the messages that a notice tells from former rooms: whoever joins later is told them too, and cannot
/// see the notice.
const RETOLD: &str = "pro.webdevelop.support_chat.retold";

/// Why there is no recap yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// One text of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    at: Option<DateTime<Utc>>,
    /// `Visitor`, or the staff member's user id.
    whose: String,
    body: String,
}

impl From<Said> for Text {
    fn from(said: Said) -> Self {
        let whose = if said.by_visitor {
            "Visitor".to_owned()
        } else {
            said.author.unwrap_or_else(|| "Staff".to_owned())
        };
        Self {
            at: Some(said.at),
            whose,
            body: said.body,
        }
    }
}

/// The content of a new room's first notice: what was said before, in rooms that are lost; `None` when nothing
/// was. What is still queued for the room follows by itself.
pub(super) async fn retell(pool: &Db, subject: &Subject) -> Result<Option<Value>, sqlx::Error> {
    let texts = newest(pool, subject.id, None, MAX_TEXTS + 1).await?;
    let ids: Vec<Uuid> = texts.iter().take(MAX_TEXTS).map(|said| said.id).collect();
    let mut told = Told {
        details: details(subject),
        more: texts.len() > MAX_TEXTS,
        texts: texts.into_iter().take(MAX_TEXTS).map(Text::from).collect(),
    };
    if told.texts.is_empty() && told.details.is_none() {
        return Ok(None);
    }
    let left = MAX_JSON_BYTES.saturating_sub(json!(ids).to_string().len());
    let notice = told.write(
        "This room continues a conversation whose room was lost",
        left,
    );
    let mut content = notice.content();
    content[RETOLD] = json!(ids);
    Ok(Some(content))
}

async fn newest(
    pool: &Db,
    session_id: Uuid,
    only: Option<&[Uuid]>,
    limit: usize,
) -> Result<Vec<Said>, sqlx::Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    transcript::newest(pool, session_id, only, limit).await
}

/// The notice for whoever joined with `join_event_id`; `None` when there is nothing that they cannot see.
pub(super) async fn compose(
    pool: &Db,
    homeserver: &Homeserver,
    room_id: &str,
    subject: &Subject,
    join_event_id: &str,
    user_id: &str,
) -> Result<Option<Notice>, Failure> {
    let bot = homeserver.config().bot.as_str();
    let mut unseen = Unseen::new(bot, user_id, details(subject));
    let context = homeserver.context(room_id, join_event_id).await?;
    unseen.take(&crossed(homeserver, room_id, context.after, user_id).await?);
    // Read back from behind the join: of what was sent at the same time as the join, Synapse's context leaves
    // out what has the same depth.
    let (mut from, mut joined) = (context.end, false);
    while let Some(token) = from {
        let (page, next) = homeserver.history(room_id, Some(&token), None).await?;
        let mut earlier = &page[..];
        if !joined {
            let join = page
                .iter()
                .position(|event| event.event_id == join_event_id);
            joined = join.is_some();
            earlier = join.map_or(&[], |join| &page[join + 1..]);
        }
        if !unseen.take(earlier) {
            break;
        }
        from = next;
    }
    if !unseen.retold.is_empty() {
        let wanted = MAX_TEXTS.saturating_sub(unseen.texts.len());
        let retold = newest(pool, subject.id, Some(&unseen.retold), wanted + 1).await?;
        unseen.more |= retold.len() > wanted;
        unseen
            .texts
            .extend(retold.into_iter().take(wanted).map(Text::from));
    }
    Ok(unseen.write())
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
    details: Option<Notice>,
    missed_details: bool,
    texts: Vec<Text>,
    /// Messages of former rooms that were told in this one.
    retold: Vec<Uuid>,
    /// The newest edits of events that are still to come.
    edits: HashMap<String, String>,
    more: bool,
}

impl<'a> Unseen<'a> {
    fn new(bot: &'a str, user_id: &'a str, details: Option<Notice>) -> Self {
        Self {
            bot,
            user_id,
            details,
            missed_details: false,
            texts: Vec::new(),
            retold: Vec::new(),
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
            // Its answers to staff are texts, too, and the visitor's answer nothing.
            let is_text = event.event_type == "m.room.message"
                && event.str_at("/msgtype") == Some("m.text")
                && !event.is_reply();
            let details = self.details.as_ref().map(Notice::body);
            if details.is_some() && details == event.str_at("/body") {
                self.missed_details = true;
            }
            if let Some(ids) = event.content.get(RETOLD).and_then(Value::as_array) {
                self.missed_details = self.details.is_some();
                let ids = ids
                    .iter()
                    .filter_map(|id| Uuid::parse_str(id.as_str()?).ok());
                self.retold.extend(ids);
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

impl Unseen<'_> {
    fn write(self) -> Option<Notice> {
        let knows_more = !self.texts.is_empty() || self.missed_details;
        let mut told = Told {
            details: self.details,
            texts: self.texts,
            more: self.more,
        };
        (knows_more && (!told.texts.is_empty() || told.details.is_some()))
            .then(|| told.write("What was said before you joined", MAX_JSON_BYTES))
    }
}

/// The notice about who the visitor is; `None` when they said nothing of it.
pub(super) fn details(subject: &Subject) -> Option<Notice> {
    let mut notice = Notice::default();
    for (label, value) in [
        ("Visitor:", &subject.visitor_name),
        ("E-mail:", &subject.visitor_email),
        ("Page:", &subject.source_url),
        ("Page title:", &subject.page_title),
    ] {
        if let Some(value) = value {
            notice.say(label);
            notice.quote(value);
        }
    }
    (notice != Notice::default()).then_some(notice)
}

/// What is told.
struct Told {
    details: Option<Notice>,
    /// Newest first.
    texts: Vec<Text>,
    /// There were more before them.
    more: bool,
}

impl Told {
    /// As many of the texts as one event holds, oldest first.
    fn write(&mut self, heading: &str, max_bytes: usize) -> Notice {
        let details = self.details.take().unwrap_or_default();
        let mut left = max_bytes.saturating_sub(details.json_bytes() + 2 * heading.len() + 256);
        let mut entries = Vec::new();
        for text in &self.texts {
            let entry = text.entry();
            // With what is between the entries.
            let bytes = entry.json_bytes() + 4;
            if bytes > left {
                // The newest one is told in any case, as much of it as fits.
                if entries.is_empty() {
                    entries.push(text.beginning(left));
                }
                break;
            }
            left -= bytes;
            entries.push(entry);
        }
        let (count, s) = (entries.len(), if entries.len() == 1 { "" } else { "s" });
        let omitted = self.more || count < self.texts.len();
        let mut notice = Notice::new(&match (self.texts.is_empty(), omitted) {
            (true, _) => format!("{heading}:"),
            (false, false) => format!("{heading} ({count} message{s}):"),
            (false, true) => {
                format!("{heading} (the newest {count} messages; there were more before them):")
            }
        });
        notice.append(&details);
        for entry in entries.iter().rev() {
            notice.append(entry);
        }
        notice
    }
}

impl Text {
    fn entry(&self) -> Notice {
        self.told_as(&self.body, "")
    }

    /// As much of a text as takes no more than these bytes.
    fn beginning(&self, max_bytes: usize) -> Notice {
        let mut characters = self.body.chars().count();
        loop {
            characters /= 2;
            let beginning: String = self.body.chars().take(characters).collect();
            let entry = self.told_as(&beginning, " (only the beginning)");
            if characters == 0 || entry.json_bytes() <= max_bytes {
                return entry;
            }
        }
    }

    fn told_as(&self, body: &str, remark: &str) -> Notice {
        let at = self
            .at
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
            .unwrap_or_default();
        let mut entry = Notice::new(&format!("[{at}] {}{remark}:", self.whose));
        entry.quote(body);
        entry
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

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
    fn recap(history: Vec<RoomEvent>) -> Option<String> {
        let notice = recap_for(&subject(), history);
        notice.map(|notice| notice.body().to_owned())
    }

    fn recap_for(subject: &Subject, mut history: Vec<RoomEvent>) -> Option<Notice> {
        history.reverse();
        let mut unseen = Unseen::new(BOT, ALICE, details(subject));
        unseen.take(&history);
        unseen.write()
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
            "What was said before you joined (2 messages):\n\n\
             Visitor:\n> Ada\nPage:\n> https://webdevelop.biz/\n\n\
             [2026-05-23T00:00:00Z] Visitor:\n> Hello?\n\n\
             [2026-05-23T00:00:00Z] @bob:localhost:\n> Hi."
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
            recap.ends_with("@bob:localhost:\n> new") && !recap.contains("old"),
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
        let content = details(&subject()).unwrap().content();
        let notice = event(1, BOT, "m.room.message", &json!({ "content": content }));
        assert_eq!(
            recap(vec![notice, member(2, ALICE, "invite", "")]).unwrap(),
            "What was said before you joined:\n\nVisitor:\n> Ada\nPage:\n> https://webdevelop.biz/"
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
        for long in [long, "<\n".repeat(2_000), "\u{202e}".repeat(4_000)] {
            let history = (0..20).map(|n| text(n, BOT, &long)).collect();
            let recap = recap_for(&subject(), history).unwrap();
            assert!(recap.body().contains("there were more"));
            let bytes = recap.content().to_string().len();
            assert!((10_000..60_000).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn a_notice_that_retells_former_rooms_names_its_messages_to_who_joins_later() {
        let id = Uuid::from_u128(7);
        let mut content = Notice::new("This room continues").content();
        content[RETOLD] = json!([id, "no id"]);
        let retold = event(1, BOT, "m.room.message", &json!({ "content": content }));
        let mut unseen = Unseen::new(BOT, ALICE, details(&subject()));
        unseen.take(&[retold]);
        assert_eq!((&*unseen.retold, unseen.missed_details), (&[id][..], true));
    }

    proptest! {
        /// The lines that are not quoted say nothing of what the visitor wrote.
        #[test]
        fn no_words_of_a_visitor_change_a_line_of_the_bot(
            name in any::<String>(), title in "(?s).*", body in "(?s)(.|\n|\r|> |\\[)*",
        ) {
            let lines = |name: &str, title: &str, body: &str| {
                let subject = Subject {
                    visitor_name: Some(name.to_owned()),
                    page_title: Some(title.to_owned()),
                    ..subject()
                };
                let history = vec![text(1, BOT, body), text(2, "@bob:localhost", "Hi.")];
                let notice = recap_for(&subject, history).unwrap();
                let own = notice.body().lines().filter(|line| !line.starts_with("> "));
                own.map(str::to_owned).collect::<Vec<_>>()
            };
            prop_assert_eq!(lines(&name, &title, &body), lines("Ada", "Home", "Hello"));
        }
    }
}
