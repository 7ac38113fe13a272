//! The texts of staff that the homeserver has accepted.

use std::{
    collections::HashMap,
    fmt::Write,
    fs,
    path::PathBuf,
    sync::{
        LazyLock, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    homeserver::Account,
    room::{self, Event},
};

/// More replies than a scenario sends, so that each is sent once.
const CANNED: usize = 5_000;

/// The file of canned replies for all servers.
pub(crate) static CANNED_REPLIES: LazyLock<String> = LazyLock::new(|| {
    let mut file = String::new();
    for number in 0..CANNED {
        writeln!(file, "c{number} = \"{}\"", canned(number)).unwrap();
    }
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("faults-canned.toml");
    fs::write(&path, file).unwrap();
    path.to_str().unwrap().to_owned()
});

fn canned(number: usize) -> String {
    format!("canned reply {number}.")
}

/// A text of staff, and its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) event_id: String,
    /// The original text, and its edits.
    pub(crate) texts: Vec<String>,
    pub(crate) deleted: bool,
    /// The homeserver has lost it, after the visitor was shown it.
    pub(crate) is_lost: bool,
    /// Whether the event is a command that has sent it.
    pub(crate) is_canned: bool,
}

impl Reply {
    /// The text that the visitor has to see, given the room's events.
    pub(crate) fn reads<'a>(&'a self, events: &'a [Event]) -> Option<&'a str> {
        let text = room::reads(events, &self.event_id)?;
        Some(if self.is_canned { &self.texts[0] } else { text })
    }
}

/// The texts that the homeserver accepted from staff, in order, by room.
#[derive(Default)]
pub(crate) struct Replies {
    texts: Mutex<HashMap<String, Vec<Reply>>>,
    /// Events that the bot has to answer exactly once.
    commands: Mutex<HashMap<String, Vec<String>>>,
    /// The number of canned replies so far.
    canned: AtomicUsize,
}

impl Replies {
    pub(crate) fn accepted(&self, room_id: &str) -> Vec<Reply> {
        self.lock().get(room_id).cloned().unwrap_or_default()
    }

    pub(crate) fn commands(&self, room_id: &str) -> Vec<String> {
        let commands = self.commands.lock().unwrap();
        commands.get(room_id).cloned().unwrap_or_default()
    }

    /// Sends a command; returns its event, or `None` if the room no longer exists.
    pub(crate) async fn command(
        &self,
        staff: &Account,
        room_id: &str,
        command: &str,
    ) -> Option<String> {
        let event_id = staff.say(room_id, command).await?;
        let mut commands = self.commands.lock().unwrap();
        let commands = commands.entry(room_id.to_owned()).or_default();
        commands.push(event_id.clone());
        Some(event_id)
    }

    /// Sends a new canned reply; returns the command's event and the reply's text.
    pub(crate) async fn send_canned(
        &self,
        staff: &Account,
        room_id: &str,
    ) -> Option<(String, String)> {
        let number = self.canned.fetch_add(1, Ordering::Relaxed);
        assert!(number < CANNED, "too few canned replies");
        let command = format!("!r c{number}");
        let event_id = self.command(staff, room_id, &command).await?;
        let text = canned(number);
        self.add(room_id, event_id.clone(), text.clone(), true);
        Some((event_id, text))
    }

    /// Sends a text; `false` when the room no longer exists.
    pub(crate) async fn send(&self, staff: &Account, room_id: &str, text: String) -> bool {
        let Some(event_id) = staff.say(room_id, &text).await else {
            return false;
        };
        self.add(room_id, event_id, text, false);
        true
    }

    fn add(&self, room_id: &str, event_id: String, text: String, is_canned: bool) {
        let reply = Reply {
            event_id,
            texts: vec![text],
            deleted: false,
            is_lost: false,
            is_canned,
        };
        self.lock()
            .entry(room_id.to_owned())
            .or_default()
            .push(reply);
    }

    /// The homeserver has lost the newest text of this room.
    pub(crate) fn lose_newest(&self, room_id: &str) {
        let mut replies = self.lock();
        let newest = replies.get_mut(room_id).and_then(|texts| texts.last_mut());
        newest.expect("a text").is_lost = true;
    }

    /// Edits the newest text.
    pub(crate) async fn edit_last(&self, staff: &Account, room_id: &str, text: String) {
        let Some(event_id) = self.last(room_id) else {
            return;
        };
        if staff.edit(room_id, &event_id, &text).await.is_some() {
            self.change(room_id, &event_id, |reply| reply.texts.push(text));
        }
    }

    /// Deletes the newest text.
    pub(crate) async fn delete_last(&self, staff: &Account, room_id: &str) {
        let Some(event_id) = self.last(room_id) else {
            return;
        };
        if staff.redact(room_id, &event_id).await.is_some() {
            self.change(room_id, &event_id, |reply| reply.deleted = true);
        }
    }

    /// The newest text, unless it was deleted or is a command, whose change would mean something else.
    fn last(&self, room_id: &str) -> Option<String> {
        let replies = self.lock();
        let last = replies.get(room_id)?.last()?;
        (!last.deleted && !last.is_canned).then(|| last.event_id.clone())
    }

    fn change(&self, room_id: &str, event_id: &str, change: impl FnOnce(&mut Reply)) {
        let mut replies = self.lock();
        let mut replies = replies.get_mut(room_id).into_iter().flatten();
        if let Some(reply) = replies.find(|reply| reply.event_id == event_id) {
            change(reply);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Reply>>> {
        self.texts.lock().unwrap()
    }
}
