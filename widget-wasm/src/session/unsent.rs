//! What was typed and is not accepted yet. The tab stores it, and the next page of the tab
//! continues with it.

use alloc::{string::String, vec::Vec};
use core::mem::take;

use serde::Serialize;

use app::contract::MessageId;

use super::{Action, Credentials, Effect, Failure, GRACE_MS, Now, Outgoing, Session, Trouble};

/// The tab's storage holds this as JSON beside the credentials.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Unsent {
    pub(crate) draft: String,
    pub(crate) outgoing: Vec<Outgoing>,
}

/// Removes the characters that no message may contain, so that pasting one does not keep the
/// visitor from sending the rest.
pub(super) fn sendable(text: &str) -> String {
    let may_be_sent = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    text.chars().filter(may_be_sent).collect()
}

impl Session {
    /// Begins with what the tab stores: when the chat starts, and when the page returns after
    /// another one has continued the conversation. The page around the chat is not told about it.
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
            // A message that was being sent to a session that has ended becomes the draft of the
            // next.
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
            // The outcome of this attempt is unknown.
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

    /// Stores what is not accepted yet, if that has changed. This happens before any of it is sent,
    /// and after storing the credentials that replace it.
    pub(super) fn keep(&mut self) {
        // A text that the server has refused for good is kept only as a draft to change.
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

    /// Repeats what failed, with the same key, unless it would fail again or the visitor has begun
    /// to change the text.
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

    /// A request that was in progress when the network came back may have failed because of the
    /// earlier outage.
    pub(super) fn resend_if_back(&mut self, failure: &Failure) {
        if self.came_back.take().is_some() && failure.is_uncertain() {
            self.resend();
        }
    }
}
