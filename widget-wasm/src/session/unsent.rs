//! What was typed and is not accepted yet: the tab keeps it, and whichever page of the tab comes next
//! goes on with it.

use alloc::{string::String, vec::Vec};
use core::mem::take;

use serde::Serialize;

use app::contract::MessageId;

use super::{Action, Credentials, Effect, Failure, GRACE_MS, Now, Outgoing, Session, Trouble};

/// This, as JSON, is what the tab's storage holds beside the credentials.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Unsent {
    pub(crate) draft: String,
    pub(crate) outgoing: Vec<Outgoing>,
}

/// A text without the characters that no message may have: one that was pasted must not keep the visitor from sending
/// the rest.
pub(super) fn sendable(text: &str) -> String {
    let may_be_sent = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    text.chars().filter(may_be_sent).collect()
}

impl Session {
    /// Begins with what the tab holds: at first, and again when the page comes back after another
    /// one has gone on with it. The page around the chat is told nothing of that.
    pub(crate) fn resume(
        &mut self,
        stored: Option<Credentials>,
        unsent: Unsent,
        read: Option<MessageId>,
        now: Now,
    ) -> Vec<Effect> {
        let (open, until) = (self.open, self.polling.until);
        *self = Self {
            open,
            visible: self.visible,
            unread: self.unread,
            now,
            ..Self::new(stored, self.online)
        };
        self.polling.until = until;
        self.effects.push(Effect::CancelPoll);
        let mut texts = Vec::new();
        for message in unsent.outgoing {
            // What was on its way to a session that has ended is the draft of the next.
            let session = self.credentials.as_ref().map(|it| &it.session_id);
            // An earlier version kept what the visitor had taken back.
            if message.in_draft && unsent.draft.trim().is_empty() {
                continue;
            }
            if message.to.is_none() || message.to.as_ref() == session {
                self.outgoing.push(message);
            } else if !message.in_draft {
                texts.push(message.body);
            }
        }
        if !unsent.draft.is_empty() {
            texts.push(unsent.draft);
        }
        self.draft = sendable(&texts.join("\n"));
        if let Some(first) = self.outgoing.first_mut() {
            // Nobody heard what became of it.
            first.may_have_begun |= first.to.is_none() && !first.in_draft;
            self.failed = Some((Action::Send, Trouble::NotSent));
            self.polling.until = self.polling.until.max(now.ms + GRACE_MS);
            self.resend();
        }
        self.polling.read = read;
        self.look();
        self.keep();
        take(&mut self.effects)
    }

    /// Has the tab keep what is not accepted yet, if that has changed: before any of it is sent,
    /// and after the credentials that took its place.
    pub(super) fn keep(&mut self) {
        // What the server has refused for good is a text to change, and no more.
        let is_refused = self.is_refused()
            && self
                .outgoing
                .iter()
                .all(|message| message.in_draft && !message.may_have_begun);
        let mut unsent = Unsent::default();
        core::mem::swap(&mut unsent.draft, &mut self.draft);
        if !is_refused {
            core::mem::swap(&mut unsent.outgoing, &mut self.outgoing);
        }
        let json = if unsent.draft.is_empty() && unsent.outgoing.is_empty() {
            String::new()
        } else {
            serde_json::to_string(&unsent).unwrap_or_default()
        };
        self.draft = unsent.draft;
        if !is_refused {
            self.outgoing = unsent.outgoing;
        }
        if json != self.kept {
            let is_request = |effect: &Effect| matches!(effect, Effect::Ask(_));
            let first_request = self.effects.iter().position(is_request);
            let index = first_request.unwrap_or(self.effects.len());
            self.effects.insert(index, Effect::Keep(json.clone()));
            self.kept = json;
        }
    }

    /// The server's no to the message was to the message, and not to the moment.
    pub(super) fn is_refused(&self) -> bool {
        matches!(
            self.failed,
            Some((
                Action::Send,
                Trouble::TooLong | Trouble::NotAllowed | Trouble::Blocked | Trouble::Refused
            ))
        )
    }

    /// Sends again, under the same key, what failed, unless that makes no sense now, or the visitor
    /// has begun to change it.
    pub(super) fn resend(&mut self) {
        if !self.is_idle() || self.blocked_until.is_some() || self.is_refused() {
            return;
        }
        match self.failed {
            None => {}
            Some((Action::End, _)) => self.ask_end(),
            Some((Action::Send, _)) => {
                let Some(message) = self.outgoing.first_mut() else {
                    return;
                };
                if message.in_draft {
                    if message.body != self.draft {
                        return;
                    }
                    message.in_draft = false;
                    self.draft.clear();
                }
                self.send_first();
            }
        }
    }

    /// A request that was out while the network came back may have failed for want of it before.
    pub(super) fn resend_if_back(&mut self, failure: &Failure) {
        if self.came_back.take().is_some() && failure.is_uncertain() {
            self.resend();
        }
    }
}
