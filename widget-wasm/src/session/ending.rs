//! The end of a conversation: by the visitor, by the server, or because the server does not know
//! the conversation.

use alloc::{string::String, vec::Vec};

use super::{Action, Effect, Failure, Polling, Request, Session};

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    Expired,
}

impl Session {
    pub(super) fn ask_end(&mut self) {
        if !self.is_idle() {
            return;
        }
        if let Some(credentials) = self.credentials.clone() {
            self.in_flight = Some(Action::End);
            self.failed = None;
            self.came_back = None;
            self.effects.push(Effect::Ask(Request::End { credentials }));
        }
    }

    pub(super) fn ended(&mut self, answer: Result<(), Failure>) {
        self.in_flight = None;
        match answer {
            Err(failure) if failure.ending().is_none() && !failure.is_unknown_session() => {
                self.fail(Action::End, &failure);
                self.resend_if_back(&failure);
            }
            _ => {
                self.end(Ending::Closed);
                // A visitor who has ended the conversation does not return to it, so the tab
                // forgets the token.
                self.forget_credentials();
            }
        }
    }

    /// The conversation is over unless staff resume it, so polls continue until the visitor begins
    /// another one. Messages that were not accepted become the draft of the next conversation.
    pub(super) fn end(&mut self, ending: Ending) {
        self.cancel_poll();
        self.polling = Polling {
            until: self.polling.until,
            ..Polling::default()
        };
        self.ending = Some(ending);
        self.is_end_asked = false;
        self.failed = None;
        // A message that is being sent may still arrive in time. Its answer will tell.
        let on_its_way = usize::from(self.in_flight == Some(Action::Send));
        let unsent = self.outgoing.drain(on_its_way.min(self.outgoing.len())..);
        let mut texts: Vec<String> = unsent
            .filter(|message| !message.in_draft)
            .map(|message| message.body)
            .collect();
        if !self.draft.is_empty() {
            texts.push(core::mem::take(&mut self.draft));
        }
        self.draft = texts.join("\n");
    }

    /// The server does not know the session, so it is treated as if it had never existed. A request
    /// in progress will get the same answer, and then begins a new session.
    pub(super) fn forget(&mut self) {
        self.forget_credentials();
        self.transcript.clear();
        self.unread = 0;
        for message in &mut self.outgoing {
            message.to = None;
        }
    }

    pub(super) fn forget_credentials(&mut self) {
        self.credentials = None;
        self.polling = Polling {
            until: self.polling.until,
            ..Polling::default()
        };
        self.effects.push(Effect::CancelPoll);
        self.effects.push(Effect::Forget);
    }
}
