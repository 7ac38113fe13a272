//! `cargo xtask staff`: a staff member's view in the terminal, without Element.
//!
//! One thread follows the homeserver's `/sync` and prints what is new; this one reads what is
//! typed. Both work on the same list of rooms.

mod input;

use std::collections::HashSet;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::accounts::{self, Accounts};
use crate::failure::{Result, bail};
use crate::files;
use crate::layout::Layout;
use crate::matrix::{Matrix, escape};
use crate::progress::note;
use crate::up;

use input::{HELP, Input, parse_input};

/// The name of the desk, which is the first room here.
const DESK: &str = "Support desk";

/// Signs in as this staff member, and serves the terminal until the end of input.
pub(crate) fn run(layout: &Layout, name: &str) -> Result<()> {
    let running = files::read_if_there(&up::address_file(layout))?.unwrap_or_default();
    let address: Value = serde_json::from_str(&running).unwrap_or_default();
    let accounts = Accounts::load(&up::accounts_file(layout))?;
    let (Some(homeserver), Some(accounts)) = (address["homeserver"].as_str(), accounts) else {
        bail!("nothing runs here: start `cargo xtask up` in another terminal");
    };
    let homeserver = Matrix::new(homeserver);
    if !homeserver.is_up() {
        bail!("the homeserver does not answer: start `cargo xtask up` in another terminal");
    }
    let terminal = Arc::new(Terminal {
        matrix: homeserver.login(name, accounts.password(name))?,
        bot: accounts::mxid(accounts::BOT),
        rooms: Mutex::default(),
    });
    let mut next = terminal.sync(None, true)?;
    // The accepted invitations open more rooms.
    next = terminal.sync(Some(&next), true)?;
    terminal.list();
    note(HELP);
    let follower = Arc::clone(&terminal);
    // Ends with this program.
    thread::spawn(move || follower.follow(next));
    let result = terminal.converse();
    let logout = "/_matrix/client/v3/logout";
    terminal.matrix.post(logout, &json!({}))?;
    result
}

/// A conversation, or the desk.
#[derive(Default)]
struct Room {
    /// Empty as long as no room was seen.
    id: String,
    name: String,
    /// Whether the last word is the visitor's.
    waiting: bool,
}

struct Rooms {
    /// The desk, and the conversations in the order they were first seen; people know them by their position here.
    list: Vec<Room>,
    open: Option<usize>,
    /// Events on the screen already.
    shown: HashSet<String>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            list: vec![Room::default()],
            open: None,
            shown: HashSet::new(),
        }
    }
}

struct Terminal {
    matrix: Matrix,
    bot: String,
    rooms: Mutex<Rooms>,
}

impl Terminal {
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints what happens from here on.
    fn follow(&self, mut since: String) {
        loop {
            match self.sync(Some(&since), false) {
                Ok(next) => since = next,
                Err(failure) => {
                    note(format!("! {failure:#}; trying again"));
                    thread::sleep(Duration::from_secs(2));
                }
            }
        }
    }

    /// Takes in everything that is new, accepts every invitation, and gives the position from which to go on.
    fn sync(&self, since: Option<&str>, quietly: bool) -> Result<String> {
        let filter = json!({
            "presence": {"types": []},
            "account_data": {"types": []},
            "room": {
                "timeline": {"limit": 50},
                "state": {"lazy_load_members": true},
                "ephemeral": {"types": []},
                "account_data": {"types": []},
            },
        });
        let filter = escape(&filter.to_string());
        let from = since.map_or_else(String::new, |since| {
            // Catching up, nobody waits.
            let timeout = if quietly { 0 } else { 30_000 };
            format!("&timeout={timeout}&since={}", escape(since))
        });
        let path = format!("/_matrix/client/v3/sync?filter={filter}{from}");
        let answer = self.matrix.get(&path)?;
        for (id, _) in entries(&answer["rooms"]["invite"]) {
            let path = format!("/_matrix/client/v3/rooms/{}/join", escape(id));
            self.matrix.post(&path, &json!({}))?;
        }
        let mut changed: Vec<(&String, Vec<&Value>)> = entries(&answer["rooms"]["join"])
            .map(|(id, room)| {
                let timeline = list(&room["timeline"]["events"]);
                (id, list(&room["state"]["events"]).chain(timeline).collect())
            })
            .collect();
        // The oldest room first, as far as these events tell.
        changed.sort_by_key(|(_, events)| {
            of_type(events, "m.room.create").and_then(|event| event["origin_server_ts"].as_u64())
        });
        for (id, events) in changed {
            self.take_in(id, &events, quietly);
        }
        Ok(text(&answer["next_batch"]))
    }

    fn take_in(&self, id: &str, events: &[&Value], quietly: bool) {
        let mut rooms = self.rooms();
        let Some(index) = self.index_of(&mut rooms, id, events, quietly) else {
            return;
        };
        for event in events {
            let Some(line) = self.line(event, index) else {
                continue;
            };
            // Notices are the bot's own words, and nobody's turn.
            if event["content"]["msgtype"] == "m.text" {
                rooms.list[index].waiting = index > 0 && event["sender"] == self.bot;
            }
            if rooms.open == Some(index) {
                if rooms.shown.insert(text(&event["event_id"])) {
                    note(line);
                }
            } else if !quietly {
                let first = line.lines().next().unwrap_or_default();
                note(format!("{} {first}", label(index)));
            }
        }
    }

    /// The position of a room, which may be a new one; nothing when the bot has not made the room.
    fn index_of(
        &self,
        rooms: &mut Rooms,
        id: &str,
        events: &[&Value],
        quietly: bool,
    ) -> Option<usize> {
        if let Some(index) = rooms.list.iter().position(|room| room.id == id) {
            return Some(index);
        }
        of_type(events, "m.room.create").filter(|it| it["sender"] == self.bot)?;
        let name = of_type(events, "m.room.name").and_then(|it| it["content"]["name"].as_str());
        let room = Room {
            id: id.to_owned(),
            name: printable(name.unwrap_or("(no name)")),
            waiting: false,
        };
        if room.name == DESK {
            rooms.list[0] = room;
            return Some(0);
        }
        let index = rooms.list.len();
        if !quietly {
            note(format!("+ {} {}", label(index), room.name));
        }
        rooms.list.push(room);
        Some(index)
    }

    /// An event as it is printed; nothing for what is no message.
    fn line(&self, event: &Value, index: usize) -> Option<String> {
        if event["type"] != "m.room.message" {
            return None;
        }
        let content = &event["content"];
        // Deleted messages have no body.
        let body = printable(content["body"].as_str()?);
        let sender = event["sender"].as_str().unwrap_or_default();
        let author = match (sender == self.bot, content["msgtype"].as_str()) {
            (true, Some("m.text")) if index > 0 => "visitor",
            (true, _) => "note",
            _ => sender.trim_start_matches('@').split(':').next()?,
        };
        let time = time_of_day(event["origin_server_ts"].as_u64().unwrap_or_default());
        let body = body.replace('\n', "\n               ");
        Some(format!("{time} {author:>8}  {body}"))
    }

    fn list(&self) {
        let rooms = self.rooms();
        for (index, room) in rooms.list.iter().enumerate() {
            let open = if rooms.open == Some(index) {
                "  (open)"
            } else {
                ""
            };
            let waiting = if room.waiting {
                "  waiting for a reply"
            } else {
                ""
            };
            if !room.id.is_empty() {
                note(format!("{} {}{waiting}{open}", label(index), room.name));
            }
        }
        if rooms.list.len() == 1 {
            note("no conversation yet: write something on the page");
        }
    }

    /// The id of a room that was seen.
    fn id_of(&self, index: usize) -> Option<String> {
        let rooms = self.rooms();
        let room = rooms.list.get(index)?;
        (!room.id.is_empty()).then(|| room.id.clone())
    }

    fn open(&self, index: usize) -> Result<()> {
        let Some(id) = self.id_of(index) else {
            note("there is no such room: /rooms lists them");
            return Ok(());
        };
        let path = format!(
            "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=100",
            escape(&id)
        );
        let answer = self.matrix.get(&path)?;
        let mut rooms = self.rooms();
        rooms.open = Some(index);
        note(format!("-- {} {} --", label(index), rooms.list[index].name));
        let events: Vec<&Value> = list(&answer["chunk"]).collect();
        for event in events.into_iter().rev() {
            if let Some(line) = self.line(event, index) {
                rooms.shown.insert(text(&event["event_id"]));
                note(line);
            }
        }
        Ok(())
    }

    fn say(&self, text: &str, transaction: usize) -> Result<()> {
        let open = self.rooms().open;
        let Some(room) = open.and_then(|index| self.id_of(index)) else {
            note("open a room first: /open N or /desk");
            return Ok(());
        };
        let room = escape(&room);
        let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}");
        // The room's own copy, from /sync, is what gets printed.
        let message = json!({"msgtype": "m.text", "body": text});
        self.matrix.put(&path, &message)?;
        Ok(())
    }

    fn converse(&self) -> Result<()> {
        let input = std::io::stdin();
        for (count, line) in input.lines().map_while(std::io::Result::ok).enumerate() {
            let result = match parse_input(&line) {
                Input::Nothing => Ok(()),
                Input::Rooms => {
                    self.list();
                    Ok(())
                }
                Input::Open(index) => self.open(index),
                Input::Say(text) => self.say(text, count),
                Input::Quit => return Ok(()),
                Input::Help => {
                    note(format!("the commands are:\n{HELP}"));
                    Ok(())
                }
            };
            match result {
                // A person can try again; a script should not go on as if nothing had happened.
                Err(failure) if std::io::stdin().is_terminal() => note(format!("! {failure:#}")),
                other => other?,
            }
        }
        Ok(())
    }
}

/// What stands in front of a room's name and of what was said there.
fn label(index: usize) -> String {
    match index {
        0 => "[desk]".to_owned(),
        number => format!("[{number}]"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn of_type<'a>(events: &[&'a Value], kind: &str) -> Option<&'a Value> {
    events.iter().copied().find(|event| event["type"] == kind)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A visitor's text must not steer the terminal.
fn printable(text: &str) -> String {
    text.replace('\r', "").replace(
        |c: char| c.is_control() && c != '\n' && c != '\t',
        "\u{fffd}",
    )
}

/// Hours and minutes in UTC.
fn time_of_day(milliseconds: u64) -> String {
    let minutes = milliseconds / 60_000;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\r\nc\td\u{9b}"),
            "a\u{fffd}[2Jb\nc\td\u{fffd}"
        );
    }

    #[test]
    fn times_are_of_the_day() {
        assert_eq!(time_of_day(1_790_000_000_000), "14:13");
    }
}
