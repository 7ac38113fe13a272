//! `cargo xtask staff`: a staff member's view in the terminal, for who has no Element at hand.
//!
//! One thread follows the homeserver's `/sync` and prints what is new; this one reads what is
//! typed. Both work on the same list of rooms.

use std::collections::HashSet;
use std::io::{BufRead, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::{Failure, Result, fail};
use crate::files;
use crate::layout::Layout;
use crate::matrix::{Matrix, escape};
use crate::progress::note;
use crate::synapse::{self, Accounts};
use crate::up;

const HELP: &str = "\
  /rooms      list the conversations
  /open N     show conversation N, and talk in it
  /quit       leave (so does the end of input)
  anything else is sent to the visitor of the open conversation; // sends a leading slash";

/// Signs in as this staff member, and serves the terminal until the end of input.
pub(crate) fn run(layout: &Layout, name: &str) -> Result<()> {
    let running = files::read_if_there(&up::address_file(layout))?.unwrap_or_default();
    let address: Value = serde_json::from_str(&running).unwrap_or_default();
    let accounts = Accounts::load(&up::accounts_file(layout))?;
    let (Some(homeserver), Some(accounts)) = (address["homeserver"].as_str(), accounts) else {
        return fail("nothing runs here: start `cargo xtask up` in another terminal");
    };
    let homeserver = Matrix::new(homeserver);
    if !homeserver.is_up() {
        return fail("the homeserver does not answer: start `cargo xtask up` in another terminal");
    }
    let matrix = homeserver.login(name, accounts.staff_password())?;
    let desk = Arc::new(Desk {
        matrix,
        bot: synapse::mxid(synapse::BOT),
        rooms: Mutex::default(),
    });
    let next = desk.catch_up()?;
    desk.list();
    note(HELP);
    {
        // Ends with this program.
        let desk = Arc::clone(&desk);
        thread::spawn(move || desk.follow(next));
    }
    let result = desk.converse();
    desk.matrix.post("/_matrix/client/v3/logout", &json!({}))?;
    result
}

/// What a line of input asks for.
#[derive(Debug, PartialEq, Eq)]
enum Input<'a> {
    Nothing,
    Rooms,
    Open(usize),
    Quit,
    Help,
    Say(&'a str),
    Unknown,
}

fn parse_input(line: &str) -> Input<'_> {
    let line = line.trim_end();
    if line.starts_with("//") {
        return Input::Say(&line[1..]);
    }
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Input::Nothing,
        (Some("/rooms"), None, None) => Input::Rooms,
        (Some("/open"), Some(number), None) => number.parse().map_or(Input::Unknown, Input::Open),
        (Some("/quit" | "/exit"), None, None) => Input::Quit,
        (Some("/help"), ..) => Input::Help,
        (Some(word), ..) if word.starts_with('/') => Input::Unknown,
        _ => Input::Say(line),
    }
}

#[derive(Default)]
struct Rooms {
    /// In the order they were first seen; people know them by their position here, from 1.
    list: Vec<Room>,
    open: Option<usize>,
    /// Events on the screen already.
    shown: HashSet<String>,
}

struct Room {
    id: String,
    name: String,
    /// Whether the last word is the visitor's.
    waiting: bool,
}

struct Desk {
    matrix: Matrix,
    bot: String,
    rooms: Mutex<Rooms>,
}

impl Desk {
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in everything there is, and accepts every invitation.
    fn catch_up(&self) -> Result<String> {
        let mut answer = self.sync(None)?;
        self.take_in(&answer, true);
        if self.join_all(&answer)? {
            // What the accepted invitations opened.
            answer = self.sync(Some(&position(&answer)))?;
            self.take_in(&answer, true);
        }
        Ok(position(&answer))
    }

    /// Prints what happens from here on.
    fn follow(&self, mut since: String) {
        loop {
            let result = self.sync(Some(&since)).and_then(|answer| {
                self.join_all(&answer)?;
                self.take_in(&answer, false);
                Ok(position(&answer))
            });
            match result {
                Ok(next) => since = next,
                Err(failure) => {
                    if let Failure::Message(message) = failure {
                        note(format!("! {message}; trying again"));
                    }
                    thread::sleep(Duration::from_secs(2));
                }
            }
        }
    }

    fn sync(&self, since: Option<&str>) -> Result<Value> {
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
        let position = match since {
            Some(since) => format!("&timeout=30000&since={}", escape(since)),
            None => String::new(),
        };
        self.matrix.get(&format!(
            "/_matrix/client/v3/sync?filter={filter}{position}"
        ))
    }

    /// Accepts every invitation; says whether there was one.
    fn join_all(&self, answer: &Value) -> Result<bool> {
        let mut any = false;
        for (id, _) in entries(&answer["rooms"]["invite"]) {
            let path = format!("/_matrix/client/v3/rooms/{}/join", escape(id));
            self.matrix.post(&path, &json!({}))?;
            any = true;
        }
        Ok(any)
    }

    fn take_in(&self, answer: &Value, quietly: bool) {
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
            self.take_in_room(id, &events, quietly);
        }
    }

    fn take_in_room(&self, id: &str, events: &[&Value], quietly: bool) {
        let mut rooms = self.rooms();
        let known = rooms.list.iter().position(|room| room.id == id);
        let made_by_bot =
            || of_type(events, "m.room.create").is_some_and(|it| it["sender"] == self.bot);
        let number = match known {
            Some(number) => number,
            None if made_by_bot() => {
                let name =
                    of_type(events, "m.room.name").and_then(|it| it["content"]["name"].as_str());
                let name = printable(name.unwrap_or("(no name)"));
                rooms.list.push(Room {
                    id: id.to_owned(),
                    name,
                    waiting: false,
                });
                rooms.list.len() - 1
            }
            None => return,
        };
        if known.is_none() && !quietly {
            note(format!("+ [{}] {}", number + 1, rooms.list[number].name));
        }
        for event in events {
            let Some(line) = self.line(event) else {
                continue;
            };
            // Notices are the bot's own words, and nobody's turn.
            if event["content"]["msgtype"] == "m.text" {
                rooms.list[number].waiting = event["sender"] == self.bot;
            }
            if rooms.open != Some(number) {
                if !quietly {
                    let first = line.lines().next().unwrap_or_default();
                    note(format!("[{}] {first}", number + 1));
                }
            } else if rooms.shown.insert(event_id(event)) {
                note(line);
            }
        }
    }

    /// An event as it is printed; nothing for what is no message.
    fn line(&self, event: &Value) -> Option<String> {
        if event["type"] != "m.room.message" {
            return None;
        }
        let content = &event["content"];
        // Deleted messages have no body.
        let body = printable(content["body"].as_str()?);
        let sender = event["sender"].as_str().unwrap_or_default();
        let who = match (sender == self.bot, content["msgtype"].as_str()) {
            (true, Some("m.text")) => "visitor",
            (true, _) => "note",
            _ => sender
                .trim_start_matches('@')
                .split(':')
                .next()
                .unwrap_or_default(),
        };
        let time = time_of_day(event["origin_server_ts"].as_u64().unwrap_or_default());
        let body = body.replace('\n', "\n               ");
        Some(format!("{time} {who:>8}  {body}"))
    }

    fn list(&self) {
        let rooms = self.rooms();
        if rooms.list.is_empty() {
            note("no conversation yet: write something on the page");
        }
        for (number, room) in rooms.list.iter().enumerate() {
            let open = if rooms.open == Some(number) {
                "  (open)"
            } else {
                ""
            };
            let waiting = if room.waiting {
                "  waiting for a reply"
            } else {
                ""
            };
            note(format!("[{}] {}{waiting}{open}", number + 1, room.name));
        }
    }

    fn open(&self, number: usize) -> Result<()> {
        let Some(index) = number
            .checked_sub(1)
            .filter(|index| *index < self.rooms().list.len())
        else {
            note(format!("there is no conversation {number}"));
            return Ok(());
        };
        let id = self.rooms().list[index].id.clone();
        let path = format!(
            "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=100",
            escape(&id)
        );
        let answer = self.matrix.get(&path)?;
        let mut rooms = self.rooms();
        rooms.open = Some(index);
        note(format!("-- [{number}] {} --", rooms.list[index].name));
        let mut events: Vec<&Value> = list(&answer["chunk"]).collect();
        events.reverse();
        for event in events {
            if let Some(line) = self.line(event) {
                rooms.shown.insert(event_id(event));
                note(line);
            }
        }
        Ok(())
    }

    fn say(&self, text: &str, transaction: usize) -> Result<()> {
        let rooms = self.rooms();
        let Some(room) = rooms.open.map(|number| rooms.list[number].id.clone()) else {
            note("open a conversation first: /open N");
            return Ok(());
        };
        drop(rooms);
        let path = format!(
            "/_matrix/client/v3/rooms/{}/send/m.room.message/{transaction}",
            escape(&room)
        );
        // The room's own copy, from /sync, is what gets printed.
        self.matrix
            .put(&path, &json!({"msgtype": "m.text", "body": text}))?;
        Ok(())
    }

    fn converse(&self) -> Result<()> {
        let input = std::io::stdin();
        for (count, line) in input
            .lock()
            .lines()
            .map_while(std::result::Result::ok)
            .enumerate()
        {
            let result = match parse_input(&line) {
                Input::Nothing => Ok(()),
                Input::Rooms => {
                    self.list();
                    Ok(())
                }
                Input::Open(number) => self.open(number),
                Input::Say(text) => self.say(text, count),
                Input::Quit => return Ok(()),
                Input::Help => {
                    note(HELP);
                    Ok(())
                }
                Input::Unknown => {
                    note(format!("unknown command; there are:\n{HELP}"));
                    Ok(())
                }
            };
            match result {
                // A person can try again; a script should not go on as if nothing had happened.
                Err(Failure::Message(message)) if input.is_terminal() => {
                    note(format!("! {message}"));
                }
                other => other?,
            }
        }
        Ok(())
    }
}

fn position(answer: &Value) -> String {
    answer["next_batch"].as_str().unwrap_or_default().to_owned()
}

fn event_id(event: &Value) -> String {
    event["event_id"].as_str().unwrap_or_default().to_owned()
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
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    text.chars()
        .filter(|c| *c != '\r')
        .map(|c| if harmless(c) { c } else { '\u{fffd}' })
        .collect()
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
    fn input_is_a_command_or_a_message() {
        assert_eq!(parse_input(""), Input::Nothing);
        assert_eq!(parse_input("/rooms\n"), Input::Rooms);
        assert_eq!(parse_input("/open 12"), Input::Open(12));
        assert_eq!(parse_input("/open"), Input::Unknown);
        assert_eq!(parse_input("/open x"), Input::Unknown);
        assert_eq!(parse_input("/shrug"), Input::Unknown);
        assert_eq!(parse_input("  indented"), Input::Say("  indented"));
        assert_eq!(
            parse_input("//etc is a directory"),
            Input::Say("/etc is a directory")
        );
    }

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
