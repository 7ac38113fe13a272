//! Tests of each rule of the state machine, as a visitor experiences it.

use app::contract::{
    CreateSessionRequest, CreateSessionResponse, DEFAULT_MAX_MESSAGE_CHARS, Delivery, ErrorCode,
    Message, MessageId, SendMessageResponse,
};

use super::{
    failure::{DEFAULT_WAIT_S, FAILURES_TO_TELL},
    sending::MAX_OUTGOING,
    *,
};
use crate::samples::{own, staff};

mod challenge;
mod ending;
mod page;
mod polling;
mod queue;
mod sending;
mod signals;
mod unsent;
mod waiting;

/// How many seconds the server lets a poll wait.
const WAIT_S: u8 = 25;

/// A visitor's browser, whose clock the test controls.
struct Browser {
    session: Session,
    ms: f64,
    keys: u32,
    /// What the page was told.
    news: Vec<News>,
    /// What the tab stores.
    stored: Option<Credentials>,
    kept: String,
    read: Option<MessageId>,
}

impl Browser {
    fn new(stored: Option<Credentials>) -> Self {
        Self {
            session: Session::new(stored.clone(), true),
            ms: 1_000_000.0,
            keys: 0,
            news: Vec::new(),
            stored,
            kept: String::new(),
            read: None,
        }
    }

    fn open() -> Self {
        let mut browser = Self::new(None);
        assert_eq!(browser.on(Event::Opened), []);
        browser
    }

    /// A conversation that has begun, and whose first poll was answered.
    fn chatting() -> Self {
        let mut browser = Self::open();
        browser.send("Hello");
        browser.on(created());
        browser.wait(POLL_MS);
        browser.on(Event::TimerExpired(Timer::Poll));
        browser.polled(vec![own("m1", "Hello", Delivery::Delivered)]);
        browser
    }

    fn on(&mut self, event: Event) -> Vec<Effect> {
        let now = Now {
            ms: self.ms,
            random: 0.5,
        };
        let effects = self.session.handle(event, now);
        self.carry_out(effects)
    }

    /// Carries out the effects on the page and the tab's storage, and returns the others.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::Tell(news) => self.news.push(news),
                Effect::Mark(id) => self.read = Some(id),
                Effect::Keep(json) => {
                    let is_request = |effect: &Effect| matches!(effect, Effect::Ask(_));
                    assert!(!rest.iter().any(is_request), "kept too late: {rest:?}");
                    self.kept = json;
                }
                effect => {
                    match &effect {
                        Effect::Remember(credentials) => self.stored = Some(credentials.clone()),
                        Effect::Forget => {
                            self.stored = None;
                            self.read = None;
                        }
                        _ => {}
                    }
                    rest.push(effect);
                }
            }
        }
        rest
    }

    fn wait(&mut self, ms: f64) {
        self.ms += ms;
    }

    fn send(&mut self, text: &str) -> Vec<Effect> {
        self.on(Event::Drafted(text.to_owned()));
        let (key, page) = self.key_and_page();
        self.on(Event::Submitted { key, page })
    }

    fn retry(&mut self) -> Vec<Effect> {
        let (key, page) = self.key_and_page();
        self.on(Event::Retried { key, page })
    }

    /// Some pages change their title all the time.
    fn key_and_page(&mut self) -> (String, Page) {
        self.keys += 1;
        let page = Page {
            url: Some("https://a.example/".into()),
            title: Some(self.keys.to_string()),
            ..Page::default()
        };
        (format!("key{}", self.keys), page)
    }

    fn polled(&mut self, messages: Vec<Message>) -> Vec<Effect> {
        self.polled_by(messages, 0)
    }

    /// Like `polled`, with a server that lets polls wait.
    fn waited(&mut self, messages: Vec<Message>) -> Vec<Effect> {
        self.polled_by(messages, WAIT_S)
    }

    fn polled_by(&mut self, messages: Vec<Message>, can_wait_s: u8) -> Vec<Effect> {
        self.on(Event::Polled(Ok(Batch {
            messages,
            more: false,
            can_wait_s,
            signals: Signals::default(),
        })))
    }

    /// Like `waited`, with an answer that was cut.
    fn polled_in_part(&mut self, messages: Vec<Message>) -> Vec<Effect> {
        self.on(Event::Polled(Ok(Batch {
            messages,
            more: true,
            can_wait_s: WAIT_S,
            signals: Signals::default(),
        })))
    }

    /// Like `chatting`, with a poll that has been waiting since this moment.
    fn waiting() -> Self {
        let mut browser = Self::chatting();
        browser.on(Event::TimerExpired(Timer::Poll));
        assert_eq!(
            browser.waited(vec![staff("m2", "Hi")]),
            [wait_after(Some("m2"))]
        );
        browser
    }

    /// What the transcript shows, including unsent messages.
    fn lines(&self) -> Vec<&str> {
        let said = self
            .session
            .transcript()
            .lines()
            .map(|line| line.message.body.as_str());
        said.chain(
            self.session
                .outgoing()
                .map(|(message, _)| message.body.as_str()),
        )
        .collect()
    }

    fn trouble(&self) -> Option<Trouble> {
        self.session.notice().map(|notice| notice.what)
    }
}

fn credentials() -> Credentials {
    Credentials {
        session_id: "s1".to_owned().into(),
        token: "t1".to_owned(),
    }
}

fn created() -> Event {
    Event::Created(Ok(CreateSessionResponse {
        session_id: "s1".to_owned().into(),
        token: "t1".to_owned(),
        messages: vec![],
        message_id: "m1".to_owned().into(),
        created_at: "2026-05-23T00:00:00.000Z".to_owned(),
    }))
}

fn sent(id: &str) -> Event {
    Event::Sent(Ok(SendMessageResponse {
        message_id: id.to_owned().into(),
        created_at: "2026-05-23T00:00:00.000Z".to_owned(),
    }))
}

fn refused(status: u16, code: ErrorCode) -> Failure {
    Failure::Refused {
        status,
        code,
        retry_after_s: None,
    }
}

fn limited(seconds: u32) -> Failure {
    Failure::Refused {
        status: 429,
        code: ErrorCode::RateLimited,
        retry_after_s: Some(seconds),
    }
}

fn create(key: &str, title: &str, text: &str) -> Effect {
    Effect::Ask(Request::Create {
        key: key.to_owned(),
        request: CreateSessionRequest {
            initial_message: text.to_owned(),
            source_url: Some("https://a.example/".to_owned()),
            page_title: Some(title.to_owned()),
            ..CreateSessionRequest::default()
        },
    })
}

fn send(key: &str, text: &str) -> Effect {
    Effect::Ask(Request::Send {
        credentials: credentials(),
        key: key.to_owned(),
        body: text.to_owned(),
    })
}

fn poll(after: Option<&str>) -> Effect {
    poll_for(after, 0)
}

/// A poll that the server may let wait.
fn wait_after(after: Option<&str>) -> Effect {
    poll_for(after, WAIT_S)
}

fn poll_for(after: Option<&str>, wait_s: u8) -> Effect {
    let after = after.map(|id| id.to_owned().into());
    Effect::Ask(Request::Poll {
        credentials: credentials(),
        after,
        wait_s,
        state: None,
    })
}

fn poll_in(ms: f64) -> Effect {
    Effect::SetTimer(Timer::Poll, ms)
}
