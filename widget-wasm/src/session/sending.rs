//! Sending: each message keeps one idempotency key until it is accepted.

use alloc::{string::String, vec::Vec};

use app::contract::{
    CreateSessionRequest, CreateSessionResponse, DEFAULT_MAX_MESSAGE_CHARS, MessageBody, MessageId,
    SendMessageResponse, SessionId,
};
use serde::Serialize;

use super::polling::POLL_MS;
use super::{Action, Credentials, Effect, Failure, News, Page, Request, Session};

/// So many messages may be on their way or wait for it.
pub(super) const MAX_OUTGOING: usize = 5;

/// A message is sent with so many proofs of work, one after the other, before it counts as not sent.
const MAX_PROOFS: u8 = 3;

/// What the first message waits for before it is sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Nothing,
    /// The visitor has to pass the challenge.
    Challenge,
    /// The proof of work is being computed.
    Proof,
}

/// A message that the server has not accepted yet. The fields with which it was first sent do not
/// change, because a repetition has to be the same request with the same key.
#[derive(Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outgoing {
    pub(crate) key: String,
    pub(crate) body: String,
    pub(crate) page: Page,
    /// The session to which it was last sent; `None` if it was to begin one.
    pub(crate) to: Option<SessionId>,
    /// It failed and its text is back in the composer, so it has no line in the transcript.
    pub(crate) in_draft: bool,
    /// An attempt to begin the conversation with it may have taken effect.
    pub(crate) may_have_begun: bool,
}

impl Outgoing {
    fn new(key: String, body: String, page: Page) -> Self {
        Self {
            key,
            body,
            page,
            to: None,
            in_draft: false,
            may_have_begun: false,
        }
    }
}

impl Session {
    pub(crate) fn can_send(&self) -> bool {
        self.has_room() && MessageBody::check(&self.draft, DEFAULT_MAX_MESSAGE_CHARS).is_ok()
    }

    /// Another message may go out, now or behind those that are on their way.
    fn has_room(&self) -> bool {
        self.in_flight != Some(Action::End)
            && self.ending.is_none()
            && self.blocked_until.is_none()
            && self.outgoing.len() < MAX_OUTGOING
    }

    /// The visitor who empties the composer of a text that failed does not want it sent.
    pub(super) fn withdraw_if_emptied(&mut self) {
        let in_draft = self.outgoing.first().is_some_and(|first| first.in_draft);
        if in_draft && self.draft.trim().is_empty() {
            self.withdrawn = self.outgoing.pop();
            // A limit is still worth knowing of.
            if self.blocked_until.is_none() {
                self.failed = None;
            }
        }
    }

    pub(super) fn submit(&mut self, key: String, page: Page) {
        if !self.can_send() {
            return;
        }
        self.has_dropped = false;
        let body = core::mem::take(&mut self.draft);
        let message = match self.withdrawn.take() {
            Some(withdrawn) if withdrawn.body == body => Outgoing {
                in_draft: false,
                ..withdrawn
            },
            _ => Outgoing::new(key, body, page),
        };
        match self.outgoing.first_mut() {
            // The failed text was not changed, so the same message is sent with its first key.
            Some(failed) if failed.in_draft && failed.body == message.body => {
                failed.in_draft = false;
            }
            // The failed text was changed, so it replaces the message that was shown as unsent.
            Some(failed) if failed.in_draft && !failed.may_have_begun => *failed = message,
            // The first message may have begun a session after all, and another first message would
            // begin a second one. So the first message is repeated, and this one follows.
            Some(failed) => {
                failed.in_draft = false;
                self.outgoing.push(message);
            }
            None => self.outgoing.push(message),
        }
        self.send_next();
    }

    /// Sends the first message, unless it is on its way already: then the others follow it.
    fn send_next(&mut self) {
        if self.is_idle() {
            self.send_first();
        }
    }

    pub(super) fn retry(&mut self, key: String, page: Page) {
        if !self.is_idle() || self.blocked_until.is_some() {
            return;
        }
        if let Some((Action::End, _)) = self.failed {
            return self.ask_end();
        }
        match self.outgoing.first() {
            // Whatever the visitor has made of it; they see why it cannot be sent.
            Some(first) if first.in_draft => self.submit(key, page),
            Some(_) => self.send_first(),
            None => {}
        }
    }

    /// Sends the text of a message that will not be delivered as a new message.
    pub(super) fn repeat(&mut self, id: &str, key: String, page: Page) {
        let is_in_turn = !self.is_idle() || self.outgoing.is_empty();
        if !is_in_turn || !self.has_room() || !self.has_session() {
            return;
        }
        if let Some(body) = self.transcript.repeat(id) {
            self.outgoing.push(Outgoing::new(key, body, page));
            self.send_next();
        }
    }

    pub(super) fn send_first(&mut self) {
        self.turnstile_token = None;
        self.proofs = 0;
        self.send_with(None);
    }

    pub(super) fn send_with(&mut self, proof: Option<String>) {
        let Some(message) = self.outgoing.first_mut() else {
            return;
        };
        message.to = self.credentials.as_ref().map(|it| it.session_id.clone());
        self.wait = Wait::Nothing;
        self.in_flight = Some(Action::Send);
        self.failed = None;
        self.came_back = None;
        let key = message.key.clone();
        let body = message.body.clone();
        let request = match self.credentials.clone() {
            Some(credentials) => Request::Send {
                credentials,
                key,
                body,
            },
            None => Request::Create {
                key,
                request: CreateSessionRequest {
                    initial_message: body,
                    source_url: message.page.url.clone(),
                    page_title: message.page.title.clone(),
                    visitor_name: message.page.visitor_name.clone(),
                    visitor_email: message.page.visitor_email.clone(),
                    turnstile_token: self.turnstile_token.clone(),
                    proof,
                    identity: None,
                },
            },
        };
        self.effects.push(Effect::Ask(request));
    }

    pub(super) fn created(&mut self, answer: Result<CreateSessionResponse, Failure>) {
        match answer {
            Ok(CreateSessionResponse {
                session_id,
                token,
                message_id,
                created_at,
                ..
            }) => {
                self.tell(News::SessionStarted {
                    id: session_id.clone(),
                });
                let credentials = Credentials { session_id, token };
                self.effects.push(Effect::Remember(credentials.clone()));
                self.credentials = Some(credentials);
                self.accepted(message_id, created_at);
                self.poll_in(POLL_MS);
            }
            // If the server asks again for a challenge that was passed, it is not shown in an
            // endless loop.
            Err(Failure::Challenge {
                site_key: Some(site_key),
            }) if self.turnstile_token.is_none() => {
                self.wait = Wait::Challenge;
                self.effects.push(Effect::Challenge(site_key));
            }
            Err(Failure::Proof) if self.proofs < MAX_PROOFS => {
                self.wait = Wait::Proof;
                self.proofs += 1;
                self.effects.push(Effect::Prove);
            }
            Err(failure) => {
                self.in_flight = None;
                if let Some(message) = self.outgoing.first_mut() {
                    message.may_have_begun |= failure.is_uncertain();
                }
                self.not_sent(&failure);
            }
        }
    }

    pub(super) fn solved(&mut self, answer: Option<String>) {
        // The message does not wait for an answer any more.
        if self.wait == Wait::Nothing {
            return;
        }
        if answer.is_none() {
            self.wait = Wait::Nothing;
            self.in_flight = None;
            return self.not_sent(&Failure::Proof);
        }
        let proof = if self.is_challenged() {
            self.turnstile_token = answer;
            None
        } else {
            answer
        };
        self.send_with(proof);
    }

    pub(super) fn sent(&mut self, answer: Result<SendMessageResponse, Failure>) {
        match answer {
            Ok(SendMessageResponse {
                message_id,
                created_at,
            }) => {
                self.accepted(message_id, created_at);
            }
            // The message was not accepted and never will be in that session, so it begins a new
            // one. Its key can be used for that, because it is another operation.
            Err(failure) if failure.is_unknown_session() => {
                self.forget();
                self.send_first();
            }
            Err(failure) => {
                self.in_flight = None;
                match failure.ending().or(self.ending) {
                    Some(ending) => self.end(ending),
                    None => self.not_sent(&failure),
                }
            }
        }
    }

    pub(super) fn accepted(&mut self, id: MessageId, created_at: String) {
        self.in_flight = None;
        self.online = true;
        if !self.outgoing.is_empty() {
            let message = self.outgoing.remove(0);
            self.tell(News::MessageSent {
                id: id.clone(),
                created_at: created_at.clone(),
            });
            self.transcript
                .accept(message.key, id, message.body, created_at);
        }
        self.send_first();
    }

    pub(super) fn not_sent(&mut self, failure: &Failure) {
        self.fail(Action::Send, failure);
        let is_typing = !self.draft.trim().is_empty();
        if self.is_refused() && (is_typing || self.outgoing.len() > 1) {
            // It would never go out, and the others not before it: the visitor has all of it to change.
            let mut texts: Vec<String> = self.outgoing.iter().map(|it| it.body.clone()).collect();
            texts.push(core::mem::take(&mut self.draft));
            self.draft = texts.join("\n");
            self.outgoing.truncate(1);
            if let Some(message) = self.outgoing.first_mut() {
                message.in_draft = true;
            }
        } else if let [message] = self.outgoing.as_mut_slice()
            && !is_typing
        {
            // Where nothing new was typed meanwhile, the text goes back to where it can be changed.
            message.in_draft = true;
            self.draft.clone_from(&message.body);
        }
        self.resend_if_back(failure);
    }
}
