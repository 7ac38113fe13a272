//! What staff said, as far as the homeserver has accepted it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use crate::homeserver::Account;

/// A text of the staff's, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) event_id: String,
    /// As it was said, and as it was edited.
    pub(crate) texts: Vec<String>,
    pub(crate) deleted: bool,
}

/// What the homeserver accepted from staff, in order, by room.
#[derive(Default)]
pub(crate) struct Replies {
    texts: Mutex<HashMap<String, Vec<Reply>>>,
    /// Events that the bot has to answer once each.
    commands: Mutex<HashMap<String, Vec<String>>>,
}

impl Replies {
    pub(crate) fn accepted(&self, room_id: &str) -> Vec<Reply> {
        self.lock().get(room_id).cloned().unwrap_or_default()
    }

    pub(crate) fn commands(&self, room_id: &str) -> Vec<String> {
        let commands = self.commands.lock().unwrap();
        commands.get(room_id).cloned().unwrap_or_default()
    }

    /// Gives a command.
    pub(crate) async fn command(&self, staff: &Account, room_id: &str, command: &str) {
        if let Some(event_id) = staff.say(room_id, command).await {
            let mut commands = self.commands.lock().unwrap();
            commands
                .entry(room_id.to_owned())
                .or_default()
                .push(event_id);
        }
    }

    /// `false` when there is no such room any more.
    pub(crate) async fn send(&self, staff: &Account, room_id: &str, text: String) -> bool {
        let Some(event_id) = staff.say(room_id, &text).await else {
            return false;
        };
        let reply = Reply {
            event_id,
            texts: vec![text],
            deleted: false,
        };
        self.lock()
            .entry(room_id.to_owned())
            .or_default()
            .push(reply);
        true
    }

    /// Puts another text in the place of the newest.
    pub(crate) async fn edit_last(&self, staff: &Account, room_id: &str, text: String) {
        let Some(event_id) = self.last(room_id) else {
            return;
        };
        if staff.edit(room_id, &event_id, &text).await.is_some() {
            self.change(room_id, &event_id, |reply| reply.texts.push(text));
        }
    }

    /// Deletes the newest.
    pub(crate) async fn delete_last(&self, staff: &Account, room_id: &str) {
        let Some(event_id) = self.last(room_id) else {
            return;
        };
        if staff.redact(room_id, &event_id).await.is_some() {
            self.change(room_id, &event_id, |reply| reply.deleted = true);
        }
    }

    fn last(&self, room_id: &str) -> Option<String> {
        let replies = self.lock();
        let last = replies.get(room_id)?.last()?;
        (!last.deleted).then(|| last.event_id.clone())
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
