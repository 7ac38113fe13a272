//! `cargo xtask staff`: a staff member's view in the terminal, without Element.
//!
//! It asks the homeserver for news each second, and prints them; in between it carries out what is typed.

mod input;

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use matrix_client::request;
use serde_json::{Value, json};

use crate::accounts::{self, Accounts};
use crate::homeserver::{Client, answers_ok};
use crate::prelude::*;
use crate::up;

use input::{HELP, Input, parse_input};

/// The name of the desk, which is the first room here.
const DESK: &str = "Support desk";

/// Logs in as this member of the staff, and serves the terminal until the end of the input.
pub(crate) fn run(layout: &Layout, name: &str) -> Result<()> {
    let running = files::read_if_there(&up::address_file(layout))?.unwrap_or_default();
    let address: Value = serde_json::from_str(&running).unwrap_or_default();
    let accounts = Accounts::load(&up::accounts_file(layout))?;
    let (Some(homeserver), Some(accounts)) = (address["homeserver"].as_str(), accounts) else {
        bail!("nothing runs here: start `cargo xtask up` in another terminal");
    };
    if !answers_ok(&format!("{homeserver}/health")) {
        bail!("the homeserver does not answer: start `cargo xtask up` in another terminal");
    }
    let mut terminal = Terminal {
        matrix: Client::new(homeserver).log_in(name, accounts.password(name))?,
        bot: accounts::mxid(accounts::BOT),
        rooms: vec![Room::default()],
        open: None,
        position: None,
        sent: 0,
    };
    terminal.sync(true)?;
    // Accepted invitations bring more rooms.
    terminal.sync(true)?;
    terminal.list();
    note(HELP);
    let result = terminal.converse();
    terminal.matrix.ok(&request::log_out())?;
    result
}

/// A conversation, or the desk.
#[derive(Default)]
struct Room {
    /// Empty until a room was seen.
    id: String,
    name: String,
    /// Whether the visitor wrote last.
    waiting: bool,
    /// The messages, as they are printed.
    lines: Vec<String>,
}

struct Terminal {
    matrix: Client,
    bot: String,
    /// The desk, and the conversations in the order in which they were first seen; the user names them by their index.
    rooms: Vec<Room>,
    open: Option<usize>,
    /// How far `/sync` was read.
    position: Option<String>,
    /// How many messages were sent.
    sent: usize,
}

impl Terminal {
    fn converse(&mut self) -> Result<()> {
        let (sender, typed) = channel();
        // This thread ends with the input, or with this program.
        thread::spawn(move || {
            let mut lines = std::io::stdin().lines().map_while(std::io::Result::ok);
            lines.try_for_each(|line| sender.send(line))
        });
        loop {
            let line = match typed.recv_timeout(Duration::from_secs(1)) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(failure) = self.sync(false) {
                        note(format!("! {failure:#}; trying again"));
                    }
                    continue;
                }
            };
            let mut result = Ok(());
            match parse_input(&line) {
                Input::Nothing => {}
                Input::Rooms => self.list(),
                Input::Open(index) => self.open(index),
                Input::Help => note(format!("the commands are:\n{HELP}")),
                Input::Say(text) => result = self.say(text),
                Input::Quit => return Ok(()),
            }
            match result {
                // A person can try again; a script must not go on as if nothing had happened.
                Err(failure) if std::io::stdin().is_terminal() => note(format!("! {failure:#}")),
                other => other?,
            }
        }
    }

    /// Reads all news, and accepts every invitation.
    fn sync(&mut self, quietly: bool) -> Result<()> {
        let filter = json!({
            "presence": {"types": []},
            "room": {"timeline": {"limit": 100}, "ephemeral": {"types": []}},
        });
        let sync = request::sync(&filter, self.position.as_deref(), 0);
        let answer = self.matrix.ok(&sync)?;
        for (id, _) in entries(&answer["rooms"]["invite"]) {
            self.matrix.ok(&request::join(id))?;
        }
        let mut changed: Vec<(&String, Vec<&Value>)> = entries(&answer["rooms"]["join"])
            .map(|(id, room)| {
                let timeline = list(&room["timeline"]["events"]);
                (id, list(&room["state"]["events"]).chain(timeline).collect())
            })
            .collect();
        // Sorted by age of the room, as far as these events tell.
        changed.sort_by_key(|(_, events)| {
            of_type(events, "m.room.create").and_then(|event| event["origin_server_ts"].as_u64())
        });
        for (id, events) in changed {
            self.take_in(id, &events, quietly);
        }
        self.position = answer["next_batch"].as_str().map(str::to_owned);
        Ok(())
    }

    fn take_in(&mut self, id: &str, events: &[&Value], quietly: bool) {
        let Some(index) = self.index_of(id, events, quietly) else {
            return;
        };
        for event in events {
            let Some(line) = self.line(event, index) else {
                continue;
            };
            // Notices are the bot's own, and do not change whose turn it is.
            if event["content"]["msgtype"] == "m.text" {
                self.rooms[index].waiting = index > 0 && event["sender"] == self.bot;
            }
            if self.open == Some(index) {
                note(&line);
            } else if !quietly {
                let first = line.lines().next().unwrap_or_default();
                note(format!("{} {first}", label(index)));
            }
            self.rooms[index].lines.push(line);
        }
    }

    /// The index of a room, which may be a new one; `None` when the bot has not made the room.
    fn index_of(&mut self, id: &str, events: &[&Value], quietly: bool) -> Option<usize> {
        if let Some(index) = self.rooms.iter().position(|room| room.id == id) {
            return Some(index);
        }
        of_type(events, "m.room.create").filter(|it| it["sender"] == self.bot)?;
        let name = of_type(events, "m.room.name").and_then(|it| it["content"]["name"].as_str());
        let room = Room {
            id: id.to_owned(),
            name: printable(name.unwrap_or("(no name)")),
            ..Room::default()
        };
        if room.name == DESK {
            self.rooms[0] = room;
            return Some(0);
        }
        let index = self.rooms.len();
        if !quietly {
            note(format!("+ {} {}", label(index), room.name));
        }
        self.rooms.push(room);
        Some(index)
    }

    /// An event as it is printed; `None` when it is not a message.
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
        for (index, room) in self.rooms.iter().enumerate() {
            let open = if self.open == Some(index) {
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
        if self.rooms.len() == 1 {
            note("no conversation yet: write something on the page");
        }
    }

    fn open(&mut self, index: usize) {
        let Some(room) = self.rooms.get(index).filter(|room| !room.id.is_empty()) else {
            return note("there is no such room: /rooms lists them");
        };
        note(format!("-- {} {} --", label(index), room.name));
        room.lines.iter().for_each(note);
        self.open = Some(index);
    }

    fn say(&mut self, text: &str) -> Result<()> {
        let Some(open) = self.open else {
            note("open a room first: /open N or /desk");
            return Ok(());
        };
        let (room_id, number) = (&self.rooms[open].id, self.sent.to_string());
        // The room's own copy, from /sync, is what gets printed.
        self.matrix.ok(&request::say(room_id, &number, text))?;
        self.sent += 1;
        Ok(())
    }
}

/// The label before a room's name and before its messages.
fn label(index: usize) -> String {
    match index {
        0 => "[desk]".to_owned(),
        number => format!("[{number}]"),
    }
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
