//! Polling: one request at a time for what is new.

use app::contract::{ErrorCode, MAX_MESSAGES_PER_POLL, MessageId};

use crate::transcript::Merged;

use super::{Batch, Effect, Failure, News, Request, Session, Signals, Timer, signals::Typing};

/// Between two polls, where the server does not let them wait; and between the beginnings of one
/// that brought nothing new, and of the next, where it does.
pub(super) const POLL_MS: f64 = 2_000.0;
/// Polls go on for this long after the panel was closed.
pub(super) const GRACE_MS: f64 = 30_000.0;
/// Failing polls come no rarer than this.
const MAX_BACKOFF_MS: f64 = 60_000.0;

/// Where the polls are.
#[derive(Default)]
pub(super) struct Polling {
    /// One is out.
    pub(super) is_out: bool,
    /// When the last one went out.
    pub(super) asked: f64,
    /// What the server's last answer said of waiting: for how many seconds, or 0.
    pub(super) can_wait_s: u8,
    /// How many have failed in a row.
    pub(super) failures: i32,
    /// The server wants none before this time.
    pub(super) from: f64,
    /// Nobody wants one after this time.
    pub(super) until: f64,
    /// The end of the last page, when more pages follow it.
    pub(super) page_end: Option<MessageId>,
    /// The next is asked for whoever waits.
    pub(super) is_looking: bool,
    /// The newest entry that the visitor has seen, as the tab keeps it.
    pub(super) read: Option<MessageId>,
    /// The transcript of an earlier page view has not arrived yet.
    pub(super) is_restoring: bool,
    pub(super) signals: Signals,
    pub(super) typing: Typing,
}

impl Session {
    /// Asks, if somebody waits for what is new.
    pub(super) fn poll(&mut self) {
        let Some(credentials) = self.credentials.clone() else {
            return;
        };
        let is_awaited = self.now.ms < self.polling.until && self.ending.is_none();
        if !is_awaited && !self.polling.is_looking {
            return self.cancel_poll();
        }
        if self.polling.is_out {
            return;
        }
        if self.now.ms < self.polling.from {
            return self.poll_in(self.polling.from - self.now.ms);
        }
        self.polling.is_out = true;
        self.polling.asked = self.now.ms;
        // Whether a last page follows the full ones is to be known at once.
        let (after, wait_s) = match &self.polling.page_end {
            Some(id) => (Some(id), 0),
            None if !is_awaited => (self.transcript.cursor(), 0),
            None => (self.transcript.cursor(), self.polling.can_wait_s),
        };
        let request = Request::Poll {
            credentials,
            after: after.cloned(),
            wait_s,
            state: self.polling.signals.state.clone(),
        };
        self.effects.push(Effect::Ask(request));
        if is_awaited && self.polling.until.is_finite() {
            self.poll_in(self.polling.until - self.now.ms);
        }
    }

    /// Asks once, though nobody waits: the visitor is back, and may have missed something.
    pub(super) fn look(&mut self) {
        self.polling.is_looking = self.credentials.is_some();
        self.poll();
    }

    /// Staff may have taken the conversation up again.
    pub(super) fn look_if_ended(&mut self) {
        self.polling.is_looking |= self.ending.is_some() && self.credentials.is_some();
    }

    /// Has the tab keep what the visitor has seen, as soon as that changes: nobody says when the page goes.
    pub(super) fn mark(&mut self) {
        if self.unread > 0 || self.credentials.is_none() || self.polling.is_restoring {
            return;
        }
        let newest = self.transcript.newest();
        if newest != self.polling.read.as_ref() {
            self.polling.read = newest.cloned();
            let read = self.polling.read.clone();
            self.effects.extend(read.map(Effect::Mark));
        }
    }

    pub(super) fn cancel_poll(&mut self) {
        if core::mem::take(&mut self.polling.is_out) {
            self.effects.push(Effect::CancelPoll);
        }
    }

    pub(super) fn poll_in(&mut self, ms: f64) {
        self.effects.push(Effect::SetTimer(Timer::Poll, ms));
    }

    pub(super) fn polled(&mut self, answer: Result<Batch, Failure>) {
        self.polling.is_out = false;
        // An older server may be there after a failure, and one that says nothing does not wait.
        self.polling.can_wait_s = 0;
        let Batch {
            messages,
            more,
            can_wait_s,
            signals,
        } = match answer {
            Ok(batch) => batch,
            Err(failure) => return self.not_polled(&failure),
        };
        self.polling.can_wait_s = can_wait_s;
        self.polling.failures = 0;
        self.online = true;
        // Of one that has ended: staff have taken it up again.
        self.ending = None;
        let last = messages.last().map(|message| message.id.clone());
        // A server from before `more` only has full answers.
        let more = more || messages.len() >= MAX_MESSAGES_PER_POLL;
        let Merged { is_news, replies } = self.transcript.merge(messages);
        self.signalled(signals, !replies.is_empty());
        // What is restored was said before, and is not news.
        if !self.polling.is_restoring {
            if !self.open || !self.visible {
                self.unread += replies.len();
            }
            for reply in replies {
                self.tell(News::MessageReceived {
                    id: reply.id,
                    body: reply.body,
                    created_at: reply.created_at,
                });
            }
        }
        // A server that gives the same page again and again is not asked for it at once each time.
        if more && last != self.polling.page_end {
            self.polling.page_end = last;
            self.poll();
        } else {
            self.polling.page_end = None;
            self.polling.is_looking = false;
            let is_restored = core::mem::take(&mut self.polling.is_restoring);
            if is_restored && !(self.open && self.visible) {
                self.unread = self.transcript.replies_after(self.polling.read.as_ref());
            }
            // While a message is on its way to staff, every poll brings it again, and none waits.
            // (A clock that is set back must not make the pause longer.)
            let left = (self.polling.asked + POLL_MS - self.now.ms).min(POLL_MS);
            match can_wait_s {
                0 => self.poll_in(POLL_MS),
                // Without a timer: those of hidden tabs may ring a minute late.
                _ if is_news || left <= 0.0 => self.poll(),
                _ => self.poll_in(left),
            }
        }
    }

    pub(super) fn not_polled(&mut self, failure: &Failure) {
        self.polling.is_looking = false;
        if failure.is_unknown_session() {
            return match self.ending {
                Some(_) => self.forget_credentials(),
                None => self.forget(),
            };
        }
        if let Some(ending) = failure.ending() {
            return self.end(ending);
        }
        if self.ending.is_some() {
            return;
        }
        self.polling.page_end = None;
        self.polling.failures += 1;
        let backoff =
            (POLL_MS * f64::from(1_u32 << self.polling.failures.min(16))).min(MAX_BACKOFF_MS);
        // Jitter: the widgets that one outage stopped must not come back as one.
        let mut wait = backoff * (0.5 + self.now.random / 2.0);
        if let Failure::Refused {
            code,
            retry_after_s,
            ..
        } = failure
        {
            if *code == ErrorCode::UnknownCursor {
                self.transcript.clear();
                self.polling.is_restoring = true;
            }
            if let Some(seconds) = retry_after_s {
                wait = wait.max(f64::from(*seconds) * 1_000.0);
                self.polling.from = self.now.ms + wait;
            }
        }
        self.poll_in(wait);
    }
}
