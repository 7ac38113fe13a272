//! Reads what stands at the homeserver of a conversation, so that its visitor can be given it.

use chrono::{DateTime, Utc};
use incoming::event::RoomEvent;
use regex::Regex;

use super::{
    MatrixError,
    erasure::{is_line, is_of_line, is_there},
    homeserver::Homeserver,
    room_name,
};
use crate::storage::erasure::DeskLine;

/// Whoever wrote something in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// The visitor, for whom the bot sent it.
    Visitor,
    /// The bot itself.
    Bot,
    /// Anybody else.
    Staff,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) by: Writer,
    /// It is a name of the room.
    pub(crate) is_name: bool,
    pub(crate) text: String,
}

/// Everything that is said in the room, oldest first: messages and names.
pub(crate) async fn of_room(
    homeserver: &Homeserver,
    room_id: &str,
) -> Result<Vec<Said>, MatrixError> {
    read(homeserver, room_id, |_| true, |_| false).await
}

/// What the bot says at the desk of the conversation of this line and this code, oldest first.
pub(crate) async fn of_line(
    homeserver: &Homeserver,
    line: &DeskLine,
    code: &str,
) -> Result<Vec<Said>, MatrixError> {
    let bot = homeserver.config().bot.as_str();
    let end_of_name = room_name::end_of_name(code);
    let said = read(
        homeserver,
        &line.room_id,
        |event| event.sender == bot && is_of_line(event, line, &end_of_name),
        |event| is_line(event, line),
    );
    let said = said.await?.into_iter();
    // The bot never sends a visitor's text there.
    let by = Writer::Bot;
    Ok(said.map(|said| Said { by, ..said }).collect())
}

async fn read(
    homeserver: &Homeserver,
    room_id: &str,
    matches: impl Fn(&RoomEvent) -> bool + Send,
    is_last: impl Fn(&RoomEvent) -> bool + Send,
) -> Result<Vec<Said>, MatrixError> {
    let bot = homeserver.config().bot.as_str();
    let (mut said, mut from) = (Vec::new(), None);
    loop {
        let (page, next) = homeserver.history(room_id, from.as_deref(), None).await?;
        let wanted = page.iter().filter(|event| matches(event));
        said.extend(wanted.filter_map(|event| of_event(event, bot)));
        match next {
            Some(token) if !page.iter().any(&is_last) => from = Some(token),
            _ => break,
        }
    }
    said.reverse();
    let staff = AccountIds::of(homeserver.config().bot.server_name().as_str());
    for said in said.iter_mut().filter(|said| said.by != Writer::Visitor) {
        said.text = staff.hidden(&said.text);
    }
    Ok(said)
}

/// The ids of the homeserver's accounts: which of them belong to staff is nothing that a visitor gets.
struct AccountIds(Option<Regex>);

impl AccountIds {
    fn of(server_name: &str) -> Self {
        let server_name = regex::escape(server_name);
        Self(Regex::new(&format!(r"@[^\s:@]+:{server_name}")).ok())
    }

    fn hidden(&self, text: &str) -> String {
        self.0.as_ref().map_or_else(
            || text.to_owned(),
            |ids| ids.replace_all(text, "staff").into_owned(),
        )
    }
}

/// What the event says; `None` when it is no message and no name, or was redacted.
fn of_event(event: &RoomEvent, bot: &str) -> Option<Said> {
    let (is_name, text) = match event.event_type.as_str() {
        "m.room.name" => (true, event.str_at("/name")),
        "m.room.message" => {
            let body = event
                .str_at("/m.new_content/body")
                .or_else(|| event.str_at("/body"));
            (false, body)
        }
        _ => return None,
    };
    let is_text = event.str_at("/msgtype") == Some("m.text");
    let refers = event.content.get("m.relates_to").is_some();
    let by = match (event.sender == bot, is_text && !refers) {
        (false, _) => Writer::Staff,
        // The bot's own texts answer an event; a visitor's text never does.
        (true, true) => Writer::Visitor,
        (true, false) => Writer::Bot,
    };
    is_there(event).then_some(Said {
        at: event.written_at(),
        by,
        is_name,
        text: text?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_account_is_named() {
        let ids = AccountIds::of("chat.example");
        let text = "14:05 UTC, @alice-1:chat.example:\n> to bob@chat.example";
        assert_eq!(ids.hidden(text), "14:05 UTC, staff:\n> to bob@chat.example");
    }
}
