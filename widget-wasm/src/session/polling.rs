//! Polling: one request at a time for what is new.

use app::contract::{ErrorCode, MAX_MESSAGES_PER_POLL, MessageId};

use crate::transcript::Merged;

use super::{Batch, Effect, Failure, News, Request, Session, Signals, Timer, signals::Typing};

/// The pause between two polls if the server does not let them wait. If it does, this is the
/// minimum time between the beginning of a poll that brought nothing new and that of the next.
pub(super) const POLL_MS: f64 = 2_000.0;
/// Polls continue for this long after the panel was closed.
pub(super) const GRACE_MS: f64 = 30_000.0;
/// The longest pause between failing polls.
const MAX_BACKOFF_MS: f64 = 60_000.0;

/// The state of the polls.
#[derive(Default)]
pub(super) struct Polling {
    /// Whether a poll is in progress.
    pub(super) is_out: bool,
    /// When the last poll began.
    pub(super) asked: f64,
    /// The number of seconds for which the server lets a poll wait, by its last answer; 0 if it
    /// does not.
    pub(super) can_wait_s: u8,
    /// How many polls have failed in a row.
    pub(super) failures: i32,
    /// The server wants no poll before this time.
    pub(super) from: f64,
    /// No poll is needed after this time.
    pub(super) until: f64,
    /// The end of the last page, if more pages follow it.
    pub(super) page_end: Option<MessageId>,
    /// Whether one more poll is wanted although nobody is waiting for news.
    pub(super) is_looking: bool,
    /// The last entry that the visitor has seen, as the tab stores it.
    pub(super) read: Option<MessageId>,
    /// Whether the transcript from an earlier page view has not arrived yet.
    pub(super) is_restoring: bool,
    pub(super) signals: Signals,
    pub(super) typing: Typing,
}

impl Session {
    /// Starts a poll if one is needed now.
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
        // Whether it should be known at once that a page is the last one.
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

    /// Starts a single poll, because the visitor has returned and may have missed something.
    pub(super) fn look(&mut self) {
        self.polling.is_looking = self.credentials.is_some();
        self.poll();
    }

    /// Staff may have resumed the conversation.
    pub(super) fn look_if_ended(&mut self) {
        self.polling.is_looking |= self.ending.is_some() && self.credentials.is_some();
    }

    /// Stores what the visitor has seen whenever it changes, because the end of a page is not
    /// reported reliably.
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
        // After a failure an older server may answer. If an answer says nothing about waiting,
        // polls do not wait.
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
        // If the conversation had ended, the poll would have failed, unless staff have resumed it.
        self.ending = None;
        let last = messages.last().map(|message| message.id.clone());
        // A server of a release before `more` sends it only implicitly, by full answers.
        let more = more || messages.len() >= MAX_MESSAGES_PER_POLL;
        let Merged { is_news, replies } = self.transcript.merge(messages);
        self.signalled(signals, !replies.is_empty());
        // Restored entries were shown on an earlier page, so they are not announced.
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
        // If a server returns the same page repeatedly, the pause keeps requests apart.
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
            // While a message is being delivered to staff, every poll returns it again without
            // waiting, so a pause is needed. (The pause must not grow if the clock is set back.)
            let left = (self.polling.asked + POLL_MS - self.now.ms).min(POLL_MS);
            match can_wait_s {
                0 => self.poll_in(POLL_MS),
                // No timer is used here, because timers in hidden tabs may be a minute late.
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
        // A random part keeps the widgets that one outage has stopped from returning at the same
        // moment.
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
