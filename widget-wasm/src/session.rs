//! The conversation as a state machine: events in, effects out. It does not depend on a browser, so
//! every rule is tested natively. Each event brings the time and a random number with it.

use alloc::{string::String, vec::Vec};

use app::contract::SessionId;
use serde::Serialize;

use crate::transcript::Transcript;

mod ending;
mod events;
mod failure;
mod polling;
mod sending;
mod signals;
mod unsent;

pub(crate) use ending::Ending;
pub(crate) use events::{Batch, Effect, Event, News, Now, Page, Request, Timer};
pub(crate) use failure::{Failure, Notice, Trouble};
pub(crate) use sending::Outgoing;
pub(crate) use signals::Signals;
pub(crate) use unsent::Unsent;

use polling::{GRACE_MS, POLL_MS, Polling};
use sending::Wait;
use unsent::sendable;

/// The credentials of a session. The tab's storage holds them as JSON.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    pub(crate) session_id: SessionId,
    pub(crate) token: String,
}

/// The kinds of request of which there is at most one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Send,
    End,
}

/// A visitor's chat: before, during and after one conversation.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing of the browser or the visitor, and any may go with any"
)]
pub(crate) struct Session {
    credentials: Option<Credentials>,
    ending: Option<Ending>,
    transcript: Transcript,
    draft: String,
    /// Oldest first, at most [`sending::MAX_OUTGOING`].
    outgoing: Vec<Outgoing>,
    /// The failed message that the visitor has taken back last. Nobody sends it; the same text, written again, goes out
    /// under its key, since the server may have it.
    withdrawn: Option<Outgoing>,
    in_flight: Option<Action>,
    wait: Wait,
    /// The token of the challenge that was passed for the message.
    turnstile_token: Option<String>,
    /// How many proofs of work were required since it was last sent.
    proofs: u8,
    /// What the last failed request was for, and why it failed.
    failed: Option<(Action, Trouble)>,
    /// The request that was in progress when the browser came back online.
    came_back: Option<Action>,
    /// Nothing is sent before this time.
    blocked_until: Option<f64>,
    /// The JSON of `draft` and `outgoing` that the tab stores.
    kept: String,

    polling: Polling,

    open: bool,
    online: bool,
    visible: bool,
    unread: usize,
    /// Whether the visitor is being asked to confirm the end of the conversation.
    is_end_asked: bool,
    /// Whether the last input contained characters that cannot be sent and were removed.
    has_dropped: bool,

    now: Now,
    effects: Vec<Effect>,
}

impl Session {
    /// A closed chat with the session that the tab has stored.
    pub(crate) fn new(stored: Option<Credentials>, online: bool) -> Self {
        Self {
            polling: Polling {
                is_restoring: stored.is_some(),
                ..Polling::default()
            },
            credentials: stored,
            ending: None,
            transcript: Transcript::default(),
            draft: String::new(),
            outgoing: Vec::new(),
            withdrawn: None,
            in_flight: None,
            wait: Wait::Nothing,
            turnstile_token: None,
            proofs: 0,
            failed: None,
            came_back: None,
            blocked_until: None,
            kept: String::new(),
            open: false,
            online,
            visible: true,
            unread: 0,
            is_end_asked: false,
            has_dropped: false,
            now: Now {
                ms: 0.0,
                random: 0.0,
            },
            effects: Vec::new(),
        }
    }

    /// Handles an event, and returns the effects to carry out.
    pub(crate) fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        self.now = now;
        let trouble = self.trouble();
        match event {
            Event::Opened => {
                self.open = true;
                self.tell(News::Opened);
                self.unread = 0;
                self.polling.until = f64::INFINITY;
                self.look_if_ended();
                self.poll();
            }
            Event::Closed => {
                self.open = false;
                self.is_end_asked = false;
                self.tell(News::Closed);
                self.polling.until = now.ms + GRACE_MS;
                // A waiting poll is cancelled then.
                if self.polling.is_out {
                    self.poll_in(GRACE_MS);
                }
            }
            Event::Drafted(text) => {
                self.draft = sendable(&text);
                self.has_dropped = self.draft != text;
                self.withdraw_if_emptied();
                self.typed();
            }
            Event::Submitted { key, page } => self.submit(key, page),
            Event::Retried { key, page } => self.retry(key, page),
            Event::Repeated { id, key, page } => self.repeat(&id, key, page),
            Event::EndAsked => self.is_end_asked = self.has_session() && self.is_idle(),
            Event::EndConfirmed => {
                self.is_end_asked = false;
                self.ask_end();
            }
            Event::EndDropped => self.is_end_asked = false,
            Event::Restarted => {
                if self.is_idle() {
                    self.forget_credentials();
                    self.ending = None;
                    self.transcript.clear();
                }
            }
            Event::Read => self.unread = 0,
            // Some browsers do not cache a page with a request in progress.
            Event::Left => self.cancel_poll(),
            Event::Online(online) => {
                self.online = online;
                if online {
                    self.came_back = self.in_flight;
                    self.resend();
                    self.look();
                } else if self.polling.is_out {
                    // Its answer may never come. If the browser is wrong about that, the next
                    // request will tell.
                    self.cancel_poll();
                    self.poll_in(POLL_MS);
                }
            }
            Event::Visible(visible) => {
                self.visible = visible;
                if visible {
                    if self.open {
                        self.unread = 0;
                    }
                    self.look();
                }
            }
            Event::TimerExpired(Timer::Poll) => self.poll(),
            Event::TimerExpired(Timer::Countdown) => self.count_down(),
            Event::Solved(answer) => self.solved(answer),
            Event::Created(answer) => self.created(answer),
            Event::Sent(answer) => self.sent(answer),
            Event::Polled(answer) => self.polled(answer),
            Event::Ended(answer) => self.ended(answer),
        }
        if let Some(new) = self.trouble().filter(|new| Some(*new) != trouble) {
            self.tell(News::Error(new));
        }
        self.mark();
        self.keep();
        core::mem::take(&mut self.effects)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The messages that are not accepted yet, each with whether it is being sent now.
    pub(crate) fn outgoing(&self) -> impl Iterator<Item = (&Outgoing, bool)> {
        let sending = self.in_flight == Some(Action::Send);
        let shown = self.outgoing.iter().filter(|message| !message.in_draft);
        shown.map(move |message| (message, sending))
    }

    pub(crate) fn draft(&self) -> &str {
        &self.draft
    }

    pub(crate) fn has_session(&self) -> bool {
        self.credentials.is_some() && self.ending.is_none()
    }

    pub(crate) fn is_end_asked(&self) -> bool {
        self.is_end_asked
    }

    pub(crate) fn has_dropped(&self) -> bool {
        self.has_dropped
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    pub(crate) fn is_restoring(&self) -> bool {
        self.polling.is_restoring
    }

    pub(crate) fn is_visible(&self) -> bool {
        self.visible
    }

    pub(crate) fn unread(&self) -> usize {
        self.unread
    }

    /// Whether no request except a poll is in progress.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_none()
    }

    /// Whether the visitor is asked to pass a challenge.
    pub(crate) fn is_challenged(&self) -> bool {
        self.wait == Wait::Challenge
    }

    fn tell(&mut self, news: News) {
        self.effects.push(Effect::Tell(news));
    }
}

#[cfg(test)]
mod tests;
