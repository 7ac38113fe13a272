//! The export of a visitor's data: what is in it, and how it is written.

use std::io::{self, Write};

use chrono::Utc;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    cli::{CommandError, time},
    config::Config,
    matrix::{
        Homeserver, MatrixError,
        export::{self, Said, Writer},
    },
    metrics::Metrics,
    model::Author,
    startup::StartupError,
    storage::{
        Db,
        erasure::{self, Traces},
        visitor_data::{self, Conversation, Entry},
    },
    unseen_characters,
};

/// What an export cannot have in it.
const NOT_INCLUDED: &[&str] = &[
    "keyed hashes of the visitor's network address, which cannot be read back and are deleted after an hour, with the \
     conversation's data, or at the end of a block",
    "the logs of the web server in front, which have network addresses and times",
    "backups",
];

/// Everything that is kept of a visitor.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    exported_at: String,
    conversations: Vec<Exported>,
    not_included: &'static [&'static str],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    session_id: Uuid,
    code: Option<String>,
    began_at: String,
    last_message_at: String,
    ended_at: Option<String>,
    visitor_last_seen_at: Option<String>,
    name: Option<String>,
    email: Option<String>,
    page: Option<String>,
    page_title: Option<String>,
    verified_name: Option<String>,
    verified_email: Option<String>,
    replies_mailed_to: Option<String>,
    rating: Option<String>,
    rating_comment: Option<String>,
    messages: Vec<Message>,
    matrix: Vec<Room>,
}

/// An entry of the conversation in Postgres.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    id: Uuid,
    at: String,
    by: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<Uuid>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    removed: bool,
}

/// What stands in a Matrix room.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Room {
    #[serde(rename = "room")]
    place: &'static str,
    events: Vec<Event>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    at: Option<String>,
    by: &'static str,
    #[serde(rename = "is")]
    kind: &'static str,
    text: String,
}

impl Document {
    pub(super) async fn read(
        config: &Config,
        db: &Db,
        conversations: &[Conversation],
    ) -> Result<Self, CommandError> {
        let metrics = Metrics::new().map_err(StartupError::from)?;
        let homeserver = Homeserver::new(config.matrix.clone(), db.clone(), metrics);
        let mut exported = Vec::new();
        for conversation in conversations {
            let entries = visitor_data::entries(db, conversation.id).await?;
            let traces = erasure::traces(db, conversation.id).await?;
            let rooms = read_rooms(&homeserver, conversation, &traces).await;
            exported.push(Exported::new(conversation, entries, rooms));
        }
        Ok(Self {
            exported_at: time(Utc::now()),
            conversations: exported,
            not_included: NOT_INCLUDED,
        })
    }

    /// Fails when a room could not be read.
    pub(super) fn is_complete(&self) -> Result<(), CommandError> {
        let mut rooms = self.conversations.iter().flat_map(|it| &it.matrix);
        match rooms.find_map(|room| room.unread.as_deref()) {
            None => Ok(()),
            Some(why) => {
                let problem =
                    format!("the export is not complete: a room could not be read: {why}");
                Err(CommandError::Refused(problem))
            }
        }
    }

    /// Writes it for people.
    pub(super) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "What is kept of the visitor, at {}", self.exported_at)?;
        for conversation in &self.conversations {
            conversation.write_text(out)?;
        }
        writeln!(out, "\nNot included:")?;
        for what in self.not_included {
            writeln!(out, "- {what}")?;
        }
        Ok(())
    }
}

/// What stands in the conversation's rooms, and of it at the desk.
async fn read_rooms(
    homeserver: &Homeserver,
    conversation: &Conversation,
    traces: &Traces,
) -> Vec<Room> {
    let mut rooms = Vec::new();
    for room_id in &traces.rooms {
        let said = export::of_room(homeserver, room_id).await;
        rooms.push(Room::new("the conversation's room", said));
    }
    if let Some((line, code)) = traces.desk_line.as_ref().zip(conversation.code.as_ref()) {
        let said = export::of_line(homeserver, line, code).await;
        rooms.push(Room::new("the desk", said));
    }
    rooms
}

impl Exported {
    fn new(it: &Conversation, entries: Vec<Entry>, rooms: Vec<Room>) -> Self {
        Self {
            session_id: it.id,
            code: it.code.clone(),
            began_at: time(it.created_at),
            last_message_at: time(it.active_at),
            ended_at: it.closed_at.map(time),
            visitor_last_seen_at: it.seen_at.map(time),
            name: it.visitor_name.clone(),
            email: it.visitor_email.clone(),
            page: it.source_url.clone(),
            page_title: it.page_title.clone(),
            verified_name: it.verified_name.clone(),
            verified_email: it.verified_email.clone(),
            replies_mailed_to: it.mail_address.clone(),
            rating: it.rating.clone(),
            rating_comment: it.rating_comment.clone(),
            messages: entries.into_iter().map(Message::new).collect(),
            matrix: rooms,
        }
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let code = self.code.as_deref().unwrap_or("without a code");
        writeln!(out, "\n# Conversation {code} ({})\n", self.session_id)?;
        let facts = [
            ("Begun", Some(&self.began_at)),
            ("Last message", Some(&self.last_message_at)),
            ("Ended", self.ended_at.as_ref()),
            ("Visitor last seen", self.visitor_last_seen_at.as_ref()),
            ("Name", self.name.as_ref()),
            ("E-mail", self.email.as_ref()),
            ("Page", self.page.as_ref()),
            ("Title of the page", self.page_title.as_ref()),
            (
                "Name that the website vouches for",
                self.verified_name.as_ref(),
            ),
            (
                "E-mail that the website vouches for",
                self.verified_email.as_ref(),
            ),
            ("Replies are mailed to", self.replies_mailed_to.as_ref()),
            ("Rating", self.rating.as_ref()),
            ("Comment on the rating", self.rating_comment.as_ref()),
        ];
        for (name, value) in facts {
            if let Some(value) = value {
                writeln!(out, "{name}: {}", indented(value))?;
            }
        }
        writeln!(out, "\n## Messages\n")?;
        for message in &self.messages {
            let change = match (message.removed, message.replaces) {
                (true, _) => " (deletes an earlier text)",
                (false, Some(_)) => " (replaces an earlier text)",
                (false, None) => "",
            };
            let text = indented(&message.text);
            writeln!(out, "{} {}{change}: {text}", message.at, message.by)?;
        }
        for room in &self.matrix {
            writeln!(out, "\n## In Matrix: {}\n", room.place)?;
            if let Some(why) = &room.unread {
                writeln!(out, "It could not be read: {why}")?;
            }
            for event in &room.events {
                let at = event.at.as_deref().unwrap_or("at an unknown time");
                let text = indented(&event.text);
                writeln!(out, "{at} {} ({}): {text}", event.by, event.kind)?;
            }
        }
        Ok(())
    }
}

/// A text whose further lines cannot be taken for lines of the document.
fn indented(text: &str) -> String {
    unseen_characters::shown(text).replace('\n', "\n    ")
}

impl Message {
    fn new(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: time(entry.created_at),
            by: match entry.author {
                Author::Visitor => "visitor",
                Author::Staff => "staff",
            },
            text: entry.body,
            replaces: entry.replaces,
            removed: entry.removed,
        }
    }
}

impl Room {
    fn new(place: &'static str, said: Result<Vec<Said>, MatrixError>) -> Self {
        let (events, unread) = match said {
            Ok(said) => (said.into_iter().map(Event::new).collect(), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Self {
            place,
            events,
            unread,
        }
    }
}

impl Event {
    fn new(said: Said) -> Self {
        Self {
            at: said.at.map(time),
            by: match said.by {
                Writer::Visitor => "visitor",
                Writer::Bot => "bot",
                Writer::Staff => "staff",
            },
            kind: if said.is_name { "name" } else { "message" },
            text: said.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_s_lines_cannot_be_taken_for_lines_of_the_document() {
        assert_eq!(
            indented("one\n## Messages\r\u{202e}"),
            "one\n    ## Messages\n    ‹U+202E›"
        );
    }
}
