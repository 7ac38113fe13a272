//! The conversation as a state machine: events in, effects out. It knows no browser, so that every
//! rule in it is tested natively. The clock and the dice come in with each event.

use alloc::{string::String, vec::Vec};

use app::contract::{
    CreateSessionRequest, CreateSessionResponse, DEFAULT_MAX_MESSAGE_CHARS, ErrorCode,
    MAX_MESSAGES_PER_POLL, Message, MessageBody, MessageId, SendMessageResponse, SessionId,
};
use serde::{Deserialize, Serialize};

use crate::transcript::{Merged, Transcript};

mod unsent;

pub(crate) use unsent::Unsent;

/// Between two polls, where the server does not let them wait; and between the beginnings of one
/// that brought nothing new, and of the next, where it does.
const POLL_MS: f64 = 2_000.0;
/// Polls go on for this long after the panel was closed.
const GRACE_MS: f64 = 30_000.0;
/// Failing polls come no rarer than this.
const MAX_BACKOFF_MS: f64 = 60_000.0;
/// After a 429 that does not say how long to wait.
const DEFAULT_WAIT_S: u32 = 10;
/// A message is sent with so many proofs of work, one after the other, before it counts as not sent.
const MAX_PROOFS: u8 = 3;
/// One failed poll is no news, two are.
const FAILURES_TO_TELL: i32 = 2;

/// What opens a session's resources. This, as JSON, is what the tab's storage holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    pub(crate) session_id: SessionId,
    pub(crate) token: String,
}

/// When an event happened, and a random number in `0.0..1.0` to decide by.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) ms: f64,
    pub(crate) random: f64,
}

/// The page that the visitor writes from, and who they are, if it knows.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) url: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) visitor_name: Option<String>,
    pub(crate) visitor_email: Option<String>,
}

/// What happens to the chat.
pub(crate) enum Event {
    /// The visitor opened the panel.
    Opened,
    /// The visitor closed the panel.
    Closed,
    /// The composer's text changed.
    Drafted(String),
    /// The visitor sends the draft. `key` is a new idempotency key.
    Submitted {
        key: String,
        page: Page,
    },
    /// The visitor wants what failed to be tried again. `key` as above, if one is needed.
    Retried {
        key: String,
        page: Page,
    },
    /// The visitor ends the conversation.
    EndAsked,
    /// The visitor wants a new conversation after the end of one.
    Restarted,
    /// The page is left, and may come back from the back-forward cache.
    Left,
    /// What the browser says about the network.
    Online(bool),
    /// Whether anyone can see the page.
    Visible(bool),
    /// A timer ran out.
    Rang(Timer),
    /// What the message waits for: the token that a passed challenge gave, or the proof of work; nothing
    /// when there will be none.
    Solved(Option<String>),
    /// Answers to [`Request`]s.
    Created(Result<CreateSessionResponse, Failure>),
    Sent(Result<SendMessageResponse, Failure>),
    Polled(Result<Batch, Failure>),
    Ended(Result<(), Failure>),
}

/// What a poll brought.
pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
    /// They were cut: there is more after the last of them.
    pub(crate) more: bool,
    /// For so many seconds, the server lets a poll wait for something new. 0: it does not.
    pub(crate) can_wait_s: u8,
}

/// What the chat wants done.
#[cfg_attr(test, derive(Clone, Debug, PartialEq))]
pub(crate) enum Effect {
    /// Ask the server. There is never more than one poll, and one other request, at a time.
    Ask(Request),
    /// Let go of the poll that is out: its answer means nothing any more.
    CancelPoll,
    /// Start this timer, in place of an earlier one of its kind.
    SetTimer(Timer, f64),
    /// Show the challenge of this Turnstile site key.
    Challenge(String),
    /// Make the proof of work that the last answer asks for.
    Prove,
    /// Keep the credentials for as long as the tab lives.
    Remember(Credentials),
    /// Forget them.
    Forget,
    /// Keep this JSON of what was not accepted yet for as long as the tab lives; empty, there is
    /// nothing to keep.
    Keep(String),
    /// Tell the page around the chat.
    Tell(News),
}

/// What the page around the chat gets to know. The token is none of it.
#[cfg_attr(test, derive(Clone, Debug, PartialEq))]
pub(crate) enum News {
    Opened,
    Closed,
    SessionStarted {
        id: SessionId,
    },
    MessageSent {
        id: MessageId,
        created_at: String,
    },
    MessageReceived {
        id: MessageId,
        body: String,
        created_at: String,
    },
    Error(Trouble),
}

/// A request to the server.
#[cfg_attr(test, derive(Clone, Debug, PartialEq))]
pub(crate) enum Request {
    Create {
        key: String,
        request: CreateSessionRequest,
    },
    Send {
        credentials: Credentials,
        key: String,
        body: String,
    },
    Poll {
        credentials: Credentials,
        after: Option<MessageId>,
        /// For how many seconds the server may wait for something new.
        wait_s: u8,
    },
    End {
        credentials: Credentials,
    },
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Poll,
    /// The visible countdown to the next attempt.
    Countdown,
}

/// Why a request did not succeed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// There was no answer that could be read: nobody knows whether it took effect.
    Network,
    /// The server wants a challenge to be passed first.
    Challenge {
        /// Without one, there is no challenge to show.
        site_key: Option<String>,
    },
    /// The server wants a proof of work first.
    Proof,
    /// The server said no.
    Refused {
        status: u16,
        code: ErrorCode,
        retry_after_s: Option<u32>,
    },
}

impl Failure {
    fn status(&self) -> u16 {
        match self {
            Self::Network => 0,
            Self::Challenge { .. } | Self::Proof => 403,
            Self::Refused { status, .. } => *status,
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { code, .. } => *code,
            _ => ErrorCode::Unknown,
        }
    }

    /// The server does not know this session or this token. A status alone does not say so: it may
    /// be that of a proxy.
    fn is_unknown_session(&self) -> bool {
        matches!(
            self.code(),
            ErrorCode::InvalidToken | ErrorCode::SessionNotFound
        )
    }

    /// The session has ended, and how.
    fn ending(&self) -> Option<Ending> {
        match self.code() {
            ErrorCode::SessionExpired => Some(Ending::Expired),
            ErrorCode::SessionClosed => Some(Ending::Closed),
            _ => None,
        }
    }

    /// The request may have taken effect all the same.
    fn is_uncertain(&self) -> bool {
        !(400..500).contains(&self.status())
    }
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    Expired,
}

/// What the visitor has to be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Notice {
    pub(crate) what: Trouble,
    /// There is something to try again.
    pub(crate) can_retry: bool,
    /// Not before this many seconds have passed.
    pub(crate) wait_s: Option<u32>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Offline,
    Unreachable,
    NotSent,
    NotEnded,
    RateLimited,
    Unavailable,
    TooLong,
    NotAllowed,
    Refused,
}

impl Trouble {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Offline,
        Self::Unreachable,
        Self::NotSent,
        Self::NotEnded,
        Self::RateLimited,
        Self::Unavailable,
        Self::TooLong,
        Self::NotAllowed,
        Self::Refused,
    ];

    /// Its name: for programs, and the key of the text that tells it to the visitor.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Unreachable => "unreachable",
            Self::NotSent => "not_sent",
            Self::NotEnded => "not_ended",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::TooLong => "message_too_long",
            Self::NotAllowed => "not_allowed",
            Self::Refused => "refused",
        }
    }
}

/// The requests of which there is one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Send,
    End,
}

/// What the first message waits for before it is sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Nothing,
    /// The visitor is to pass the challenge.
    Challenge,
    /// The proof of work is being made.
    Proof,
}

/// A message that the server has not accepted yet. What it was first sent with stays as it is:
/// a repetition must be the same request under the same key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outgoing {
    pub(crate) key: String,
    pub(crate) body: String,
    page: Page,
    /// The session that it was last sent to; none where it was to begin one.
    to: Option<SessionId>,
    /// It failed, and its text went back to the composer; it has no line in the transcript.
    in_draft: bool,
    /// A try to begin the conversation with it may have taken effect.
    may_have_begun: bool,
}

/// A visitor's chat: before, during and after one conversation.
pub(crate) struct Session {
    credentials: Option<Credentials>,
    ending: Option<Ending>,
    transcript: Transcript,
    draft: String,
    /// Oldest first. Nearly always at most one.
    outgoing: Vec<Outgoing>,
    in_flight: Option<Action>,
    wait: Wait,
    /// The token of the challenge that was passed for the message.
    turnstile_token: Option<String>,
    /// How many proofs of work were asked for since it was last sent.
    proofs: u8,
    /// What the last request failed at, and why.
    failed: Option<(Action, Trouble)>,
    /// What was out when the browser came back online.
    came_back: Option<Action>,
    /// Sending makes no sense before this time.
    blocked_until: Option<f64>,
    /// The JSON that the tab keeps of `draft` and `outgoing`.
    kept: String,

    polling: Polling,

    open: bool,
    online: bool,
    visible: bool,
    unread: usize,

    now: Now,
    effects: Vec<Effect>,
}

/// Where the polls are.
#[derive(Default)]
struct Polling {
    /// One is out.
    is_out: bool,
    /// When the last one went out.
    asked: f64,
    /// What the server's last answer said of waiting: for how many seconds, or 0.
    can_wait_s: u8,
    /// How many have failed in a row.
    failures: i32,
    /// The server wants none before this time.
    from: f64,
    /// Nobody wants one after this time.
    until: f64,
    /// The end of the last page, when more pages follow it.
    page_end: Option<MessageId>,
    /// The transcript of an earlier page view has not arrived yet.
    is_restoring: bool,
}

impl Session {
    /// A closed chat, with the session that the tab remembers.
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
            now: Now {
                ms: 0.0,
                random: 0.0,
            },
            effects: Vec::new(),
        }
    }

    /// Takes in what happened, and says what is to be done.
    pub(crate) fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        self.now = now;
        let trouble = self.trouble();
        match event {
            Event::Opened => {
                self.open = true;
                self.tell(News::Opened);
                self.unread = 0;
                self.polling.until = f64::INFINITY;
                self.poll();
            }
            Event::Closed => {
                self.open = false;
                self.tell(News::Closed);
                self.polling.until = now.ms + GRACE_MS;
                // One that waits is let go of then.
                if self.polling.is_out {
                    self.poll_in(GRACE_MS);
                }
            }
            Event::Drafted(text) => self.draft = text,
            Event::Submitted { key, page } => self.submit(key, page),
            Event::Retried { key, page } => self.retry(key, page),
            Event::EndAsked => self.ask_end(),
            Event::Restarted => {
                if self.is_idle() {
                    self.ending = None;
                    self.transcript.clear();
                }
            }
            // With a request under way, some browsers would not keep the page.
            Event::Left => self.cancel_poll(),
            Event::Online(online) => {
                self.online = online;
                if online {
                    self.came_back = self.in_flight;
                    self.resend();
                    self.poll();
                } else if self.polling.is_out {
                    // Its answer may never come. The browser may also be wrong, which the next shows.
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
                    self.poll();
                }
            }
            Event::Rang(Timer::Poll) => self.poll(),
            Event::Rang(Timer::Countdown) => self.count_down(),
            Event::Solved(answer) => self.solved(answer),
            Event::Created(answer) => self.created(answer),
            Event::Sent(answer) => self.sent(answer),
            Event::Polled(answer) => self.polled(answer),
            Event::Ended(answer) => self.ended(answer),
        }
        if let Some(new) = self.trouble().filter(|new| Some(*new) != trouble) {
            self.tell(News::Error(new));
        }
        self.keep();
        core::mem::take(&mut self.effects)
    }

    // What the view shows.

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The messages that are not accepted yet, each with whether it is on its way right now.
    pub(crate) fn outgoing(&self) -> impl Iterator<Item = (&Outgoing, bool)> {
        let sending = self.in_flight == Some(Action::Send);
        let shown = self.outgoing.iter().filter(|message| !message.in_draft);
        shown.map(move |message| (message, sending))
    }

    pub(crate) fn draft(&self) -> &str {
        &self.draft
    }

    pub(crate) fn has_session(&self) -> bool {
        self.credentials.is_some()
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

    /// No request but a poll is out.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_none()
    }

    /// The visitor is asked to pass a challenge.
    pub(crate) fn is_challenged(&self) -> bool {
        self.wait == Wait::Challenge
    }

    pub(crate) fn can_send(&self) -> bool {
        self.is_idle()
            && self.ending.is_none()
            && self.blocked_until.is_none()
            && MessageBody::check(&self.draft, DEFAULT_MAX_MESSAGE_CHARS).is_ok()
    }

    fn trouble(&self) -> Option<Trouble> {
        match self.failed {
            // The cause says more than what it led to.
            Some((_, Trouble::NotSent | Trouble::NotEnded)) | None if !self.online => {
                Some(Trouble::Offline)
            }
            Some((_, trouble)) => Some(trouble),
            None if self.polling.failures >= FAILURES_TO_TELL => Some(Trouble::Unreachable),
            None => None,
        }
    }

    pub(crate) fn notice(&self) -> Option<Notice> {
        let what = self.trouble()?;
        let wait_s = self.blocked_until.map(|until| seconds(until - self.now.ms));
        Some(Notice {
            what,
            can_retry: self.failed.is_some(),
            wait_s,
        })
    }

    // Sending.

    fn submit(&mut self, key: String, page: Page) {
        if !self.can_send() {
            return;
        }
        let body = core::mem::take(&mut self.draft);
        let message = Outgoing {
            key,
            body,
            page,
            to: None,
            in_draft: false,
            may_have_begun: false,
        };
        match self.outgoing.first_mut() {
            // The failed text, unchanged: the same message, under its first key.
            Some(failed) if failed.in_draft && failed.body == message.body => {
                failed.in_draft = false;
            }
            // The failed text, changed: what was shown as unsent is now this.
            Some(failed) if failed.in_draft && !failed.may_have_begun => *failed = message,
            // Had the first message begun a session after all, another first message would begin
            // a second one. So the first goes again, and this one follows.
            Some(failed) => {
                failed.in_draft = false;
                self.outgoing.push(message);
            }
            None => self.outgoing.push(message),
        }
        self.send_first();
    }

    fn retry(&mut self, key: String, page: Page) {
        if !self.is_idle() || self.blocked_until.is_some() {
            return;
        }
        if let Some((Action::End, _)) = self.failed {
            return self.ask_end();
        }
        let in_draft = self
            .outgoing
            .first()
            .is_some_and(|message| message.in_draft);
        if in_draft && self.can_send() {
            return self.submit(key, page);
        }
        if let Some(message) = self.outgoing.first_mut() {
            message.in_draft = false;
            self.send_first();
        }
    }

    fn send_first(&mut self) {
        self.turnstile_token = None;
        self.proofs = 0;
        self.send_with(None);
    }

    fn send_with(&mut self, proof: Option<String>) {
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
                },
            },
        };
        self.effects.push(Effect::Ask(request));
    }

    fn created(&mut self, answer: Result<CreateSessionResponse, Failure>) {
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
            // A challenge that was passed, and is asked for again, is not shown without end.
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

    fn solved(&mut self, answer: Option<String>) {
        // Nobody waits for it any more.
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

    fn sent(&mut self, answer: Result<SendMessageResponse, Failure>) {
        match answer {
            Ok(SendMessageResponse {
                message_id,
                created_at,
            }) => {
                self.accepted(message_id, created_at);
            }
            // Not accepted, and never will be there: it begins a new conversation. The key is free
            // for that, being of another operation.
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

    fn accepted(&mut self, id: MessageId, created_at: String) {
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

    fn not_sent(&mut self, failure: &Failure) {
        self.fail(Action::Send, failure);
        // Where nothing new was typed meanwhile, the text goes back to where it can be changed.
        if let [message] = self.outgoing.as_mut_slice()
            && self.draft.trim().is_empty()
        {
            message.in_draft = true;
            self.draft.clone_from(&message.body);
        }
        self.resend_if_back(failure);
    }

    fn fail(&mut self, action: Action, failure: &Failure) {
        let trouble = match failure {
            Failure::Refused {
                status: 429,
                retry_after_s,
                ..
            } => {
                let wait = retry_after_s.unwrap_or(DEFAULT_WAIT_S);
                self.blocked_until = Some(self.now.ms + f64::from(wait) * 1_000.0);
                self.count_down();
                Trouble::RateLimited
            }
            Failure::Refused { status: 503, .. } => Trouble::Unavailable,
            Failure::Refused { status: 403, .. } => Trouble::NotAllowed,
            Failure::Refused {
                code: ErrorCode::MessageTooLong,
                ..
            } => Trouble::TooLong,
            Failure::Refused {
                status: 400..500, ..
            } => Trouble::Refused,
            _ if action == Action::End => Trouble::NotEnded,
            _ => Trouble::NotSent,
        };
        self.failed = Some((action, trouble));
    }

    fn count_down(&mut self) {
        let Some(until) = self.blocked_until else {
            return;
        };
        let left = until - self.now.ms;
        if left > 0.0 {
            self.effects
                .push(Effect::SetTimer(Timer::Countdown, left.min(1_000.0)));
        } else {
            self.blocked_until = None;
        }
    }

    // Polling.

    fn poll(&mut self) {
        let Some(credentials) = self.credentials.clone() else {
            return;
        };
        if self.now.ms >= self.polling.until {
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
            None => (self.transcript.cursor(), self.polling.can_wait_s),
        };
        let request = Request::Poll {
            credentials,
            after: after.cloned(),
            wait_s,
        };
        self.effects.push(Effect::Ask(request));
        if self.polling.until.is_finite() {
            self.poll_in(self.polling.until - self.now.ms);
        }
    }

    fn cancel_poll(&mut self) {
        if core::mem::take(&mut self.polling.is_out) {
            self.effects.push(Effect::CancelPoll);
        }
    }

    fn tell(&mut self, news: News) {
        self.effects.push(Effect::Tell(news));
    }

    fn poll_in(&mut self, ms: f64) {
        self.effects.push(Effect::SetTimer(Timer::Poll, ms));
    }

    fn polled(&mut self, answer: Result<Batch, Failure>) {
        self.polling.is_out = false;
        // An older server may be there after a failure, and one that says nothing does not wait.
        self.polling.can_wait_s = 0;
        let Batch {
            messages,
            more,
            can_wait_s,
        } = match answer {
            Ok(batch) => batch,
            Err(failure) => return self.not_polled(&failure),
        };
        self.polling.can_wait_s = can_wait_s;
        self.polling.failures = 0;
        self.online = true;
        let last = messages.last().map(|message| message.id.clone());
        // A server from before `more` only has full answers.
        let more = more || messages.len() >= MAX_MESSAGES_PER_POLL;
        let Merged { is_news, replies } = self.transcript.merge(messages);
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
            self.polling.is_restoring = false;
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

    fn not_polled(&mut self, failure: &Failure) {
        if failure.is_unknown_session() {
            return self.forget();
        }
        if let Some(ending) = failure.ending() {
            return self.end(ending);
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

    // Ending.

    fn ask_end(&mut self) {
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

    fn ended(&mut self, answer: Result<(), Failure>) {
        self.in_flight = None;
        match answer {
            Err(failure) if failure.ending().is_none() && !failure.is_unknown_session() => {
                self.fail(Action::End, &failure);
                self.resend_if_back(&failure);
            }
            _ => self.end(Ending::Closed),
        }
    }

    /// The conversation is over. What was not accepted is not lost: it is the draft of the next.
    fn end(&mut self, ending: Ending) {
        self.forget_credentials();
        self.ending = Some(ending);
        self.failed = None;
        // A message that is on its way may still have come in time; its answer tells.
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

    /// The server knows nothing of the session: as if it had never been. A request that is out
    /// will hear the same, and begins a new one.
    fn forget(&mut self) {
        self.forget_credentials();
        self.transcript.clear();
        for message in &mut self.outgoing {
            message.to = None;
        }
    }

    fn forget_credentials(&mut self) {
        self.credentials = None;
        self.polling = Polling {
            until: self.polling.until,
            ..Polling::default()
        };
        self.effects.push(Effect::CancelPoll);
        self.effects.push(Effect::Forget);
    }
}

/// Milliseconds as whole seconds, begun ones included.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it saturates"
)]
fn seconds(ms: f64) -> u32 {
    (ms as u32).div_ceil(1_000)
}

#[cfg(test)]
mod tests;
