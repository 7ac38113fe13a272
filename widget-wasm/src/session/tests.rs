//! Each rule of the state machine, as a visitor would meet it.

use app::contract::Delivery;

use super::*;
use crate::samples::{own, staff};

mod unsent;

/// How many seconds the server lets a poll wait.
const WAIT_S: u8 = 25;

/// A visitor's browser, with its clock in the test's hand.
struct Browser {
    session: Session,
    ms: f64,
    keys: u32,
    /// What the page was told.
    news: Vec<News>,
    /// What the tab holds.
    stored: Option<Credentials>,
    kept: String,
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
        }
    }

    fn open() -> Self {
        let mut browser = Self::new(None);
        assert_eq!(browser.on(Event::Opened), []);
        browser
    }

    /// With a conversation that has begun, and whose first poll has been answered.
    fn chatting() -> Self {
        let mut browser = Self::open();
        browser.send("Hello");
        browser.on(created());
        browser.wait(POLL_MS);
        browser.on(Event::Rang(Timer::Poll));
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

    /// Does what concerns the page and the tab's storage, and gives the rest.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::Tell(news) => self.news.push(news),
                Effect::Keep(json) => {
                    let is_request = |effect: &Effect| matches!(effect, Effect::Ask(_));
                    assert!(!rest.iter().any(is_request), "kept too late: {rest:?}");
                    self.kept = json;
                }
                effect => {
                    match &effect {
                        Effect::Remember(credentials) => self.stored = Some(credentials.clone()),
                        Effect::Forget => self.stored = None,
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

    /// The page's title changes all the time, as some do.
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

    /// As `polled`, by a server that lets polls wait.
    fn waited(&mut self, messages: Vec<Message>) -> Vec<Effect> {
        self.polled_by(messages, WAIT_S)
    }

    fn polled_by(&mut self, messages: Vec<Message>, can_wait_s: u8) -> Vec<Effect> {
        self.on(Event::Polled(Ok(Batch {
            messages,
            more: false,
            can_wait_s,
        })))
    }

    /// As `waited`, by an answer that was cut.
    fn polled_in_part(&mut self, messages: Vec<Message>) -> Vec<Effect> {
        self.on(Event::Polled(Ok(Batch {
            messages,
            more: true,
            can_wait_s: WAIT_S,
        })))
    }

    /// As `chatting`, with a poll waiting since this moment.
    fn waiting() -> Self {
        let mut browser = Self::chatting();
        browser.on(Event::Rang(Timer::Poll));
        assert_eq!(
            browser.waited(vec![staff("m2", "Hi")]),
            [wait_after(Some("m2"))]
        );
        browser
    }

    /// What the transcript shows, unsent messages included.
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
    })
}

fn poll_in(ms: f64) -> Effect {
    Effect::SetTimer(Timer::Poll, ms)
}

// Beginning.

#[test]
fn opening_asks_nothing_and_the_first_message_begins_the_session() {
    let mut browser = Browser::open();
    assert_eq!(browser.send("Hello"), [create("key1", "1", "Hello")]);
    assert_eq!(browser.lines(), ["Hello"]);
    assert_eq!(browser.session.draft(), "");
    assert_eq!(
        browser.on(created()),
        [Effect::Remember(credentials()), poll_in(POLL_MS)]
    );
    assert_eq!(browser.lines(), ["Hello"]);
}

#[test]
fn later_messages_go_to_the_session() {
    let mut browser = Browser::chatting();
    assert_eq!(browser.send("Second"), [send("key2", "Second")]);
    assert_eq!(browser.on(sent("m2")), []);
    browser.polled(vec![own("m2", "Second", Delivery::Delivered)]);
    assert_eq!(browser.lines(), ["Hello", "Second"]);
}

#[test]
fn one_message_at_a_time_while_typing_goes_on() {
    let mut browser = Browser::open();
    browser.send("First");
    assert_eq!(browser.send("Second"), []);
    assert!(!browser.session.can_send());
    assert_eq!(browser.session.draft(), "Second");
    browser.on(created());
    assert_eq!(browser.session.draft(), "Second");
    assert!(browser.session.can_send());
}

#[test]
fn what_the_server_would_refuse_is_not_sent() {
    let mut browser = Browser::open();
    let too_long = "🦀".repeat(DEFAULT_MAX_MESSAGE_CHARS + 1);
    for text in ["", " \n", "a\u{7}b", &too_long] {
        assert_eq!(browser.send(text), []);
        assert_eq!(browser.session.draft(), text);
    }
    let longest = "🦀".repeat(DEFAULT_MAX_MESSAGE_CHARS);
    assert_eq!(browser.send(&longest).len(), 1);
}

#[test]
fn a_remembered_session_is_read_from_its_start_when_the_panel_opens() {
    let mut browser = Browser::new(Some(credentials()));
    assert!(browser.session.is_restoring());
    assert_eq!(browser.on(Event::Opened), [poll(None)]);
    let effects = browser.polled(vec![staff("m1", "a"), staff("m2", "b")]);
    assert_eq!(effects, [poll_in(POLL_MS)]);
    assert_eq!(browser.lines(), ["a", "b"]);
    assert!(!browser.session.is_restoring());
    assert_eq!(browser.session.unread(), 0);
}

// Failing and trying again.

#[test]
fn a_lost_answer_to_the_first_message_is_asked_for_again_with_the_very_same_request() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(Event::Created(Err(Failure::Network)));
    assert_eq!(browser.session.draft(), "Hello");
    assert_eq!(browser.lines(), [""; 0]);
    let notice = browser.session.notice().unwrap();
    assert_eq!(
        notice,
        Notice {
            what: Trouble::NotSent,
            can_retry: true,
            wait_s: None
        }
    );
    assert_eq!(browser.retry(), first);
    assert_eq!(browser.session.draft(), "");
    assert_eq!(browser.trouble(), None);
    browser.on(created());
    assert_eq!(browser.lines(), ["Hello"]);
}

#[test]
fn sending_the_kept_draft_unchanged_is_the_same_as_retry() {
    let mut browser = Browser::chatting();
    let first = browser.send("Again");
    browser.on(Event::Sent(Err(Failure::Network)));
    assert_eq!(browser.send("Again"), first);
}

#[test]
fn a_kept_draft_that_was_changed_is_another_message() {
    let mut browser = Browser::chatting();
    browser.send("Helo");
    browser.on(Event::Sent(Err(refused(503, ErrorCode::RelayUnavailable))));
    assert_eq!(browser.trouble(), Some(Trouble::Unavailable));
    assert_eq!(browser.send("Hello!"), [send("key3", "Hello!")]);
    browser.on(sent("m2"));
    assert_eq!(browser.lines(), ["Hello", "Hello!"]);
}

#[test]
fn a_first_message_that_may_have_arrived_is_never_followed_by_another_first_message() {
    let mut browser = Browser::open();
    let first = browser.send("Helo");
    browser.on(Event::Created(Err(refused(502, ErrorCode::Unknown))));
    assert_eq!(browser.send("Hello"), first);
    assert_eq!(browser.lines(), ["Helo", "Hello"]);
    let effects = browser.on(created());
    assert!(effects.contains(&send("key2", "Hello")), "{effects:?}");
    browser.on(sent("m2"));
    assert_eq!(browser.lines(), ["Helo", "Hello"]);
}

#[test]
fn a_first_message_that_was_refused_may_be_changed() {
    let mut browser = Browser::open();
    browser.send("Helo");
    browser.on(Event::Created(Err(refused(422, ErrorCode::MessageTooLong))));
    assert_eq!(browser.trouble(), Some(Trouble::TooLong));
    assert_eq!(browser.send("Hello"), [create("key2", "2", "Hello")]);
}

#[test]
fn a_failed_message_does_not_displace_what_was_typed_meanwhile() {
    let mut browser = Browser::chatting();
    let first = browser.send("First");
    browser.on(Event::Drafted("Second".to_owned()));
    browser.on(Event::Sent(Err(Failure::Network)));
    assert_eq!(browser.session.draft(), "Second");
    assert_eq!(browser.lines(), ["Hello", "First"]);
    assert!(
        browser
            .session
            .outgoing()
            .all(|(_, is_sending)| !is_sending)
    );
    // Sent now, the second follows the first.
    assert_eq!(browser.send("Second"), first);
    assert_eq!(browser.on(sent("m2")), [send("key3", "Second")]);
    browser.on(sent("m3"));
    assert_eq!(browser.lines(), ["Hello", "First", "Second"]);
}

#[test]
fn retry_sends_the_failed_message_even_if_its_text_was_erased() {
    let mut browser = Browser::chatting();
    let first = browser.send("First");
    browser.on(Event::Sent(Err(Failure::Network)));
    browser.on(Event::Drafted(String::new()));
    assert_eq!(browser.retry(), first);
}

#[test]
fn a_rate_limit_counts_down_and_then_lets_the_message_go() {
    let mut browser = Browser::chatting();
    let first = browser.send("Fast");
    let effects = browser.on(Event::Sent(Err(limited(2))));
    assert_eq!(effects, [Effect::SetTimer(Timer::Countdown, 1_000.0)]);
    let notice = browser.session.notice().unwrap();
    let expected = Notice {
        what: Trouble::RateLimited,
        can_retry: true,
        wait_s: Some(2),
    };
    assert_eq!(notice, expected);
    assert_eq!(browser.retry(), []);
    assert!(!browser.session.can_send());

    browser.wait(1_000.0);
    let effects = browser.on(Event::Rang(Timer::Countdown));
    assert_eq!(effects, [Effect::SetTimer(Timer::Countdown, 1_000.0)]);
    assert_eq!(browser.session.notice().unwrap().wait_s, Some(1));

    browser.wait(1_000.0);
    assert_eq!(browser.on(Event::Rang(Timer::Countdown)), []);
    assert_eq!(browser.session.notice().unwrap().wait_s, None);
    assert_eq!(browser.retry(), first);
}

#[test]
fn a_rate_limit_without_a_time_still_waits() {
    let mut browser = Browser::chatting();
    browser.send("Fast");
    browser.on(Event::Sent(Err(refused(429, ErrorCode::RateLimited))));
    assert_eq!(
        browser.session.notice().unwrap().wait_s,
        Some(DEFAULT_WAIT_S)
    );
}

#[test]
fn being_offline_is_told_at_once_and_taken_back_by_any_answer() {
    let mut browser = Browser::chatting();
    browser.on(Event::Online(false));
    let notice = browser.session.notice().unwrap();
    assert_eq!(
        notice,
        Notice {
            what: Trouble::Offline,
            can_retry: false,
            wait_s: None
        }
    );
    browser.send("Kept");
    browser.on(Event::Sent(Err(Failure::Network)));
    let notice = browser.session.notice().unwrap();
    assert_eq!(
        notice,
        Notice {
            what: Trouble::Offline,
            can_retry: true,
            wait_s: None
        }
    );
    assert_eq!(browser.session.draft(), "Kept");
    browser.retry();
    browser.on(sent("m2"));
    assert_eq!(browser.trouble(), None);
}

#[test]
fn what_went_wrong_is_told_apart() {
    for (failure, trouble) in [
        (Failure::Network, Trouble::NotSent),
        (refused(500, ErrorCode::Internal), Trouble::NotSent),
        (
            refused(503, ErrorCode::RelayUnavailable),
            Trouble::Unavailable,
        ),
        (
            refused(403, ErrorCode::OriginNotAllowed),
            Trouble::NotAllowed,
        ),
        (refused(422, ErrorCode::MessageTooLong), Trouble::TooLong),
        (refused(422, ErrorCode::InvalidField), Trouble::Refused),
    ] {
        let mut browser = Browser::open();
        browser.send("Hello");
        browser.on(Event::Created(Err(failure.clone())));
        assert_eq!(browser.trouble(), Some(trouble), "{failure:?}");
        assert_eq!(browser.session.draft(), "Hello");
    }
}

// The challenge.

fn challenge() -> Event {
    Event::Created(Err(Failure::Challenge {
        site_key: Some("site key".to_owned()),
    }))
}

fn passed(token: &str) -> Event {
    Event::Solved(Some(token.to_owned()))
}

/// The creation `effects` ask for, with a token added.
fn with_token(mut effects: Vec<Effect>, token: &str) -> Vec<Effect> {
    match effects.as_mut_slice() {
        [Effect::Ask(Request::Create { request, .. })] => {
            request.turnstile_token = Some(token.to_owned());
        }
        other => panic!("{other:?}"),
    }
    effects
}

#[test]
fn a_passed_challenge_sends_the_very_same_message_with_its_token() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    assert!(!browser.session.is_challenged());
    assert_eq!(
        browser.on(challenge()),
        [Effect::Challenge("site key".to_owned())]
    );
    assert!(browser.session.is_challenged());
    assert_eq!(browser.lines(), ["Hello"]);
    // Nothing else is sent before it, but may be typed.
    assert_eq!(browser.send("Second"), []);
    assert_eq!(browser.on(passed("token")), with_token(first, "token"));
    assert!(!browser.session.is_challenged());
    browser.on(created());
    assert_eq!(browser.lines(), ["Hello"]);
    assert_eq!(browser.session.draft(), "Second");
}

#[test]
fn a_challenge_that_cannot_be_passed_keeps_the_message_for_another_try() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(challenge());
    assert_eq!(browser.on(Event::Solved(None)), []);
    assert!(!browser.session.is_challenged());
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    assert_eq!(browser.session.draft(), "Hello");
    assert_eq!(browser.retry(), first);
    assert_eq!(browser.on(challenge()).len(), 1);
    assert_eq!(browser.on(passed("token")), with_token(first, "token"));
}

#[test]
fn a_challenge_without_a_site_key_is_a_message_that_was_not_sent() {
    let mut browser = Browser::open();
    browser.send("Hello");
    let no_key = Failure::Challenge { site_key: None };
    assert_eq!(browser.on(Event::Created(Err(no_key))), []);
    assert!(!browser.session.is_challenged());
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    assert_eq!(browser.session.draft(), "Hello");
}

#[test]
fn a_token_that_the_server_does_not_take_is_told_and_not_tried_without_end() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(challenge());
    browser.on(passed("token"));
    assert_eq!(browser.on(challenge()), []);
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    // A token is good for one time: the next try begins without.
    assert_eq!(browser.retry(), first);
}

#[test]
fn answers_to_a_challenge_that_nobody_waits_for_mean_nothing() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    assert_eq!(browser.on(passed("early")), []);
    browser.on(challenge());
    assert_eq!(browser.on(passed("token")), with_token(first, "token"));
    assert_eq!(browser.on(passed("again")), []);
    assert_eq!(browser.on(Event::Solved(None)), []);
    assert_eq!(browser.trouble(), None);
}

// The proof of work.

fn proof_required() -> Event {
    Event::Created(Err(Failure::Proof))
}

fn proved(proof: &str) -> Event {
    Event::Solved(Some(proof.to_owned()))
}

/// The creation `effects` ask for, with a proof added.
fn with_proof(mut effects: Vec<Effect>, proof: &str) -> Vec<Effect> {
    match effects.as_mut_slice() {
        [Effect::Ask(Request::Create { request, .. })] => request.proof = Some(proof.to_owned()),
        other => panic!("{other:?}"),
    }
    effects
}

#[test]
fn a_proof_sends_the_very_same_message_without_a_word_to_the_visitor() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    assert_eq!(browser.on(proof_required()), [Effect::Prove]);
    assert!(browser.session.outgoing().all(|(_, sending)| sending));
    assert!(!browser.session.is_challenged());
    assert_eq!(browser.trouble(), None);
    assert_eq!(browser.send("Second"), []);
    assert_eq!(browser.on(proved("proof")), with_proof(first, "proof"));
    browser.on(created());
    assert_eq!(browser.lines(), ["Hello"]);
    assert_eq!(browser.session.draft(), "Second");
}

#[test]
fn a_proof_that_cannot_be_made_keeps_the_message_for_another_try() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(proof_required());
    assert_eq!(browser.on(Event::Solved(None)), []);
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    assert_eq!(browser.session.draft(), "Hello");
    assert_eq!(browser.retry(), first);
    assert_eq!(browser.on(proof_required()), [Effect::Prove]);
    assert_eq!(browser.on(proved("proof")), with_proof(first, "proof"));
}

#[test]
fn proofs_are_not_made_without_end() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    for proof in ["one", "two", "three"] {
        assert_eq!(browser.on(proof_required()), [Effect::Prove]);
        assert_eq!(browser.on(proved(proof)), with_proof(first.clone(), proof));
    }
    browser.on(proof_required());
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    assert_eq!(browser.session.draft(), "Hello");
    assert_eq!(browser.retry(), first, "the next try begins without");
    assert_eq!(browser.on(proof_required()), [Effect::Prove]);
}

#[test]
fn a_passed_challenge_counts_with_every_proof_that_follows() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(challenge());
    let with_token = with_token(first, "token");
    assert_eq!(browser.on(passed("token")), with_token);
    assert_eq!(browser.on(proof_required()), [Effect::Prove]);
    assert_eq!(browser.on(proved("proof")), with_proof(with_token, "proof"));
}

#[test]
fn a_proof_that_nobody_waits_for_means_nothing() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    assert_eq!(browser.on(proved("early")), []);
    browser.on(proof_required());
    assert_eq!(browser.on(proved("proof")), with_proof(first, "proof"));
    assert_eq!(browser.on(proved("again")), []);
    assert_eq!(browser.on(Event::Solved(None)), []);
    assert_eq!(browser.trouble(), None);
}

// Polling.

#[test]
fn polls_every_two_seconds_and_never_two_at_a_time() {
    let mut browser = Browser::chatting();
    browser.wait(POLL_MS);
    assert_eq!(browser.on(Event::Rang(Timer::Poll)), [poll(Some("m1"))]);
    for event in [
        Event::Rang(Timer::Poll),
        Event::Online(true),
        Event::Visible(true),
    ] {
        assert_eq!(browser.on(event), []);
    }
    assert_eq!(browser.on(Event::Opened), []);
    assert_eq!(browser.polled(vec![staff("m2", "Hi")]), [poll_in(POLL_MS)]);
    assert_eq!(browser.lines(), ["Hello", "Hi"]);
}

#[test]
fn polls_go_on_for_a_while_after_closing_and_at_once_after_opening() {
    let mut browser = Browser::chatting();
    browser.on(Event::Closed);
    browser.wait(GRACE_MS - 1.0);
    assert_eq!(
        browser.on(Event::Rang(Timer::Poll)),
        [poll(Some("m1")), poll_in(1.0)]
    );
    browser.polled(vec![staff("m2", "Hi")]);
    assert_eq!(browser.session.unread(), 1);
    browser.wait(POLL_MS);
    for event in [
        Event::Rang(Timer::Poll),
        Event::Online(true),
        Event::Visible(true),
    ] {
        assert_eq!(browser.on(event), []);
    }
    assert_eq!(browser.on(Event::Opened), [poll(Some("m2"))]);
    assert_eq!(browser.session.unread(), 0);
}

#[test]
fn polls_at_once_when_the_network_or_the_visitor_is_back() {
    for event in [Event::Online(true), Event::Visible(true)] {
        let mut browser = Browser::chatting();
        assert_eq!(browser.on(event), [poll(Some("m1"))]);
    }
}

#[test]
fn what_arrives_while_nobody_looks_is_unread() {
    let mut browser = Browser::chatting();
    browser.on(Event::Visible(false));
    browser.polled(vec![staff("m2", "a"), own("m3", "b", Delivery::Delivered)]);
    assert_eq!(browser.session.unread(), 1);
    browser.on(Event::Visible(true));
    assert_eq!(browser.session.unread(), 0);
}

#[test]
fn failing_polls_back_off_with_jitter_and_are_told_of() {
    let mut browser = Browser::chatting();
    let mut waits = vec![];
    for failures in 1..=7 {
        browser.on(Event::Rang(Timer::Poll));
        match browser.on(Event::Polled(Err(Failure::Network)))[..] {
            [Effect::SetTimer(Timer::Poll, ms)] => waits.push(ms),
            ref other => panic!("{other:?}"),
        }
        assert_eq!(browser.trouble().is_some(), failures >= FAILURES_TO_TELL);
    }
    assert_eq!(
        waits,
        [3_000., 6_000., 12_000., 24_000., 45_000., 45_000., 45_000.]
    );
    assert_eq!(browser.trouble(), Some(Trouble::Unreachable));
    browser.on(Event::Rang(Timer::Poll));
    assert_eq!(browser.polled(vec![]), [poll_in(POLL_MS)]);
    assert_eq!(browser.trouble(), None);
}

#[test]
fn polls_wait_as_long_as_the_server_asks() {
    let mut browser = Browser::chatting();
    browser.on(Event::Rang(Timer::Poll));
    assert_eq!(
        browser.on(Event::Polled(Err(limited(90)))),
        [poll_in(90_000.0)]
    );
    browser.wait(60_000.0);
    assert_eq!(browser.on(Event::Visible(true)), [poll_in(30_000.0)]);
    browser.wait(30_000.0);
    assert_eq!(browser.on(Event::Rang(Timer::Poll)), [poll(Some("m1"))]);
}

#[test]
fn a_full_page_means_ask_again_at_once() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    let page = |from: usize| {
        (from..from + 100)
            .map(|n| staff(&format!("m{n}"), "x"))
            .collect()
    };
    assert_eq!(browser.polled(page(0)), [poll(Some("m99"))]);
    assert!(browser.session.is_restoring());
    assert_eq!(browser.polled(page(100)), [poll(Some("m199"))]);
    assert_eq!(browser.polled(vec![]), [poll_in(POLL_MS)]);
    assert_eq!(browser.lines().len(), 200);
}

#[test]
fn an_answer_that_was_cut_means_ask_again_at_once() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    let part = vec![own("m0", "stuck", Delivery::Pending), staff("m1", "x")];
    assert_eq!(browser.polled_in_part(part), [poll(Some("m1"))]);
    assert!(browser.session.is_restoring());
    let part = || vec![staff("m2", "y")];
    assert_eq!(browser.polled_in_part(part()), [poll(Some("m2"))]);
    // Again and again the same is not news.
    assert_eq!(browser.polled_in_part(part()), [poll_in(POLL_MS)]);
    assert!(!browser.session.is_restoring());
    assert_eq!(browser.lines(), ["stuck", "x", "y"]);
}

#[test]
fn where_nobody_knows_the_same_is_sent_under_the_same_key() {
    for status in [500, 502, 503, 504] {
        for code in [ErrorCode::OutcomeUnknown, ErrorCode::Unknown] {
            let mut browser = Browser::chatting();
            let first = browser.send("Hello?");
            browser.on(Event::Sent(Err(refused(status, code))));
            assert_eq!(browser.retry(), first, "{status}");

            let mut browser = Browser::new(None);
            browser.on(Event::Opened);
            let first = browser.send("Hello?");
            browser.on(Event::Created(Err(refused(status, code))));
            assert_eq!(browser.retry(), first, "{status}");
        }
    }
}

#[test]
fn pages_go_forward_even_past_a_message_that_is_stuck() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    let mut page = vec![own("m0", "stuck", Delivery::Pending)];
    page.extend((1..100).map(|n| staff(&format!("m{n}"), "x")));
    assert_eq!(browser.polled(page), [poll(Some("m99"))]);
    assert_eq!(browser.polled(vec![staff("m100", "y")]), [poll_in(POLL_MS)]);
    // The next round begins before the message whose delivery is still to be heard of.
    assert_eq!(browser.on(Event::Rang(Timer::Poll)), [poll(None)]);
}

#[test]
fn a_server_that_repeats_a_full_page_is_not_asked_without_end() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    let page = || (0..100).map(|n| staff(&format!("m{n}"), "x")).collect();
    assert_eq!(browser.polled(page()), [poll(Some("m99"))]);
    assert_eq!(browser.polled(page()), [poll_in(POLL_MS)]);
}

// Polls that wait.

#[test]
fn a_server_that_lets_polls_wait_is_asked_again_at_once() {
    let mut browser = Browser::waiting();
    for event in [Event::Opened, Event::Online(true), Event::Visible(true)] {
        assert_eq!(browser.on(event), []);
    }
    browser.wait(10_000.0);
    assert_eq!(
        browser.waited(vec![staff("m3", "And?")]),
        [wait_after(Some("m3"))]
    );
    // In vain, all the time it may.
    browser.wait(25_000.0);
    assert_eq!(browser.waited(vec![]), [wait_after(Some("m3"))]);
}

#[test]
fn what_brings_nothing_new_is_asked_once_in_two_seconds() {
    let mut browser = Browser::waiting();
    browser.wait(500.0);
    assert_eq!(browser.waited(vec![]), [poll_in(1_500.0)]);
    // Whatever happens to the clock.
    browser.wait(-60_000.0);
    assert_eq!(browser.waited(vec![]), [poll_in(POLL_MS)]);
    browser.wait(POLL_MS);
    browser.on(Event::Rang(Timer::Poll));
    // As long as the homeserver has not taken it, a message is in every answer.
    browser.send("Question");
    browser.on(sent("m3"));
    let pending = || vec![own("m3", "Question", Delivery::Pending)];
    assert_eq!(browser.waited(pending()), [wait_after(Some("m2"))]);
    assert_eq!(browser.waited(pending()), [poll_in(POLL_MS)]);
    browser.wait(POLL_MS);
    browser.on(Event::Rang(Timer::Poll));
    let delivered = vec![own("m3", "Question", Delivery::Delivered)];
    assert_eq!(browser.waited(delivered), [wait_after(Some("m3"))]);
}

#[test]
fn a_send_does_not_wait_behind_a_poll_that_does() {
    let mut browser = Browser::waiting();
    assert_eq!(browser.send("Now"), [send("key2", "Now")]);
    assert_eq!(browser.on(sent("m3")), []);
}

#[test]
fn a_poll_that_waits_is_let_go_of_when_the_grace_is_over() {
    let mut browser = Browser::waiting();
    assert_eq!(browser.on(Event::Closed), [poll_in(GRACE_MS)]);
    browser.wait(10_000.0);
    assert_eq!(
        browser.waited(vec![staff("m3", "Still there?")]),
        [wait_after(Some("m3")), poll_in(20_000.0)]
    );
    browser.wait(20_000.0);
    assert_eq!(browser.on(Event::Rang(Timer::Poll)), [Effect::CancelPoll]);
    assert_eq!(browser.on(Event::Visible(true)), []);
    assert_eq!(browser.on(Event::Opened), [wait_after(Some("m3"))]);
    // Opened again within the grace, it goes on waiting.
    browser.on(Event::Closed);
    browser.on(Event::Opened);
    browser.wait(GRACE_MS);
    assert_eq!(browser.on(Event::Rang(Timer::Poll)), []);
}

#[test]
fn a_poll_that_waits_is_let_go_of_with_the_network_and_with_the_page() {
    let mut browser = Browser::waiting();
    assert_eq!(
        browser.on(Event::Online(false)),
        [Effect::CancelPoll, poll_in(POLL_MS)]
    );
    assert_eq!(browser.on(Event::Online(true)), [wait_after(Some("m2"))]);
    assert_eq!(browser.on(Event::Left), [Effect::CancelPoll]);
    assert_eq!(browser.on(Event::Left), []);
    assert_eq!(browser.on(Event::Visible(true)), [wait_after(Some("m2"))]);
}

#[test]
fn a_server_that_does_not_say_so_or_fails_is_not_let_wait() {
    let mut browser = Browser::waiting();
    assert_eq!(browser.polled(vec![]), [poll_in(POLL_MS)]);
    assert_eq!(browser.on(Event::Rang(Timer::Poll)), [poll(Some("m2"))]);

    let mut browser = Browser::waiting();
    browser.on(Event::Polled(Err(refused(
        400,
        ErrorCode::MalformedRequest,
    ))));
    assert_eq!(browser.on(Event::Rang(Timer::Poll)), [poll(Some("m2"))]);
}

#[test]
fn the_last_page_is_asked_for_without_waiting() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    let page = (0..100).map(|n| staff(&format!("m{n}"), "x")).collect();
    assert_eq!(browser.waited(page), [poll(Some("m99"))]);
    assert_eq!(browser.waited(vec![]), [poll_in(POLL_MS)]);
    assert!(!browser.session.is_restoring());
    assert_eq!(
        browser.on(Event::Rang(Timer::Poll)),
        [wait_after(Some("m99"))]
    );
}

#[test]
fn a_cursor_that_the_server_does_not_know_starts_the_transcript_anew() {
    let mut browser = Browser::chatting();
    browser.on(Event::Rang(Timer::Poll));
    browser.on(Event::Polled(Err(refused(422, ErrorCode::UnknownCursor))));
    assert_eq!(browser.on(Event::Rang(Timer::Poll)), [poll(None)]);
}

// Ending.

#[test]
fn ending_the_chat_forgets_it_and_keeps_what_was_said() {
    let mut browser = Browser::chatting();
    let end = Effect::Ask(Request::End {
        credentials: credentials(),
    });
    assert_eq!(browser.on(Event::EndAsked), [end]);
    assert!(!browser.session.can_send());
    assert_eq!(
        browser.on(Event::Ended(Ok(()))),
        [Effect::CancelPoll, Effect::Forget]
    );
    assert_eq!(browser.session.ending(), Some(Ending::Closed));
    assert_eq!(browser.lines(), ["Hello"]);
    for event in [
        Event::Rang(Timer::Poll),
        Event::Opened,
        Event::Visible(true),
    ] {
        assert_eq!(browser.on(event), []);
    }
    browser.on(Event::Restarted);
    assert_eq!(browser.session.ending(), None);
    assert_eq!(browser.lines(), [""; 0]);
    assert_eq!(browser.send("New"), [create("key2", "2", "New")]);
}

#[test]
fn an_end_that_did_not_get_through_can_be_retried() {
    let mut browser = Browser::chatting();
    let end = browser.on(Event::EndAsked);
    browser.on(Event::Ended(Err(Failure::Network)));
    assert_eq!(browser.trouble(), Some(Trouble::NotEnded));
    assert_eq!(browser.retry(), end);
}

#[test]
fn a_session_that_is_over_is_over_whoever_says_so() {
    let closed = refused(410, ErrorCode::SessionClosed);
    let expired = refused(410, ErrorCode::SessionExpired);
    for (failure, ending) in [(closed, Ending::Closed), (expired, Ending::Expired)] {
        let mut browser = Browser::chatting();
        browser.on(Event::Polled(Err(failure.clone())));
        assert_eq!(browser.session.ending(), Some(ending));
        assert!(!browser.session.has_session());

        let mut browser = Browser::chatting();
        browser.send("Too late");
        browser.on(Event::Drafted("and more".to_owned()));
        let effects = browser.on(Event::Sent(Err(failure.clone())));
        assert_eq!(effects, [Effect::CancelPoll, Effect::Forget]);
        assert_eq!(browser.session.ending(), Some(ending));
        assert_eq!(browser.session.draft(), "Too late\nand more");

        let mut browser = Browser::chatting();
        browser.on(Event::EndAsked);
        browser.on(Event::Ended(Err(failure)));
        assert_eq!(browser.session.ending(), Some(Ending::Closed));
    }
}

#[test]
fn a_message_on_its_way_when_the_session_ends_is_neither_lost_nor_doubled() {
    let end = |browser: &mut Browser| {
        browser.send("Last words");
        browser.on(Event::Rang(Timer::Poll));
        browser.on(Event::Polled(Err(refused(410, ErrorCode::SessionExpired))));
        assert_eq!(browser.session.draft(), "");
    };
    let mut in_time = Browser::chatting();
    end(&mut in_time);
    in_time.on(sent("m2"));
    assert_eq!(in_time.lines(), ["Hello", "Last words"]);
    assert_eq!(in_time.session.draft(), "");

    let mut too_late = Browser::chatting();
    end(&mut too_late);
    too_late.on(Event::Sent(Err(Failure::Network)));
    assert_eq!(too_late.lines(), ["Hello"]);
    assert_eq!(too_late.session.draft(), "Last words");
    assert_eq!(too_late.session.ending(), Some(Ending::Expired));
}

// A session that the server does not know.

#[test]
fn an_unknown_session_is_forgotten_without_losing_the_draft() {
    for (status, code) in [
        (401, ErrorCode::InvalidToken),
        (404, ErrorCode::SessionNotFound),
    ] {
        let mut browser = Browser::new(Some(credentials()));
        browser.on(Event::Opened);
        browser.on(Event::Drafted("Draft".to_owned()));
        let effects = browser.on(Event::Polled(Err(refused(status, code))));
        assert_eq!(effects, [Effect::CancelPoll, Effect::Forget]);
        assert!(!browser.session.is_restoring());
        assert_eq!(browser.session.draft(), "Draft");
        assert_eq!(browser.send("Draft"), [create("key1", "1", "Draft")]);
    }
}

#[test]
fn a_status_alone_neither_ends_nor_forgets_a_conversation() {
    for status in [400, 401, 403, 404, 410, 500] {
        let failure = || refused(status, ErrorCode::Unknown);
        let mut browser = Browser::chatting();
        browser.on(Event::Rang(Timer::Poll));
        assert_eq!(
            browser.on(Event::Polled(Err(failure()))),
            [poll_in(3_000.0)],
            "{status}"
        );
        let first = browser.send("Still here");
        assert_eq!(browser.on(Event::Sent(Err(failure()))), [], "{status}");
        assert_eq!(browser.session.draft(), "Still here");
        assert_eq!(browser.retry(), first);
        browser.on(sent("m2"));
        browser.on(Event::EndAsked);
        assert_eq!(browser.on(Event::Ended(Err(failure()))), [], "{status}");
        assert_eq!(browser.session.ending(), None);
        assert!(browser.session.has_session());
        assert_eq!(browser.lines(), ["Hello", "Still here"]);
    }
}

#[test]
fn a_message_to_an_unknown_session_begins_a_new_one() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    browser.send("Anyone?");
    // The poll that was out hears it too, and must not end the session that is about to be.
    let effects = browser.on(Event::Sent(Err(refused(404, ErrorCode::SessionNotFound))));
    let anew = create("key1", "1", "Anyone?");
    assert_eq!(effects, [Effect::CancelPoll, Effect::Forget, anew]);
    browser.on(created());
    assert_eq!(browser.lines(), ["Anyone?"]);
    assert!(browser.session.has_session());
}

#[test]
fn the_storage_holds_exactly_the_two_names() {
    let json = serde_json::to_string(&credentials()).unwrap();
    assert_eq!(json, r#"{"sessionId":"s1","token":"t1"}"#);
}

// What the page around the chat hears.

#[test]
fn the_page_hears_of_a_conversation_from_its_opening_to_its_closing() {
    let mut browser = Browser::open();
    browser.send("Hello");
    browser.on(created());
    browser.polled(vec![
        own("m1", "Hello", Delivery::Delivered),
        staff("m2", "Hi"),
    ]);
    browser.send("Thanks");
    browser.on(sent("m3"));
    browser.on(Event::Closed);
    let created_at = "2026-05-23T00:00:00.000Z".to_owned();
    let id = |id: &str| MessageId::from(id.to_owned());
    let expected = [
        News::Opened,
        News::SessionStarted {
            id: "s1".to_owned().into(),
        },
        News::MessageSent {
            id: id("m1"),
            created_at: created_at.clone(),
        },
        News::MessageReceived {
            id: id("m2"),
            body: "Hi".to_owned(),
            created_at: created_at.clone(),
        },
        News::MessageSent {
            id: id("m3"),
            created_at,
        },
        News::Closed,
    ];
    assert_eq!(browser.news, expected);
}

#[test]
fn what_is_restored_is_no_news_and_what_comes_after_is() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    browser.polled(vec![staff("m1", "a")]);
    assert_eq!(browser.news, [News::Opened]);
    browser.polled(vec![staff("m2", "b")]);
    assert_eq!(browser.news.len(), 2);
    // Read again from the start, since the server lost the cursor: still no news.
    browser.on(Event::Polled(Err(refused(422, ErrorCode::UnknownCursor))));
    browser.polled(vec![staff("m1", "a"), staff("m2", "b")]);
    assert_eq!(browser.news.len(), 2);
    assert_eq!(browser.session.unread(), 0);
}

#[test]
fn the_page_hears_of_each_trouble_once() {
    let mut browser = Browser::chatting();
    browser.news.clear();
    browser.on(Event::Online(false));
    browser.on(Event::Drafted("typing".to_owned()));
    browser.on(Event::Online(true));
    browser.send("Again");
    browser.on(Event::Sent(Err(Failure::Network)));
    let told: Vec<_> = browser.news.iter().collect();
    assert_eq!(
        told,
        [
            &News::Error(Trouble::Offline),
            &News::Error(Trouble::NotSent)
        ]
    );
    // The same again, after another try, is news.
    browser.retry();
    browser.on(Event::Sent(Err(Failure::Network)));
    assert_eq!(browser.news.len(), 3);
}

#[test]
fn who_the_visitor_is_goes_with_the_first_message() {
    let mut browser = Browser::open();
    browser.on(Event::Drafted("Hello".to_owned()));
    let page = Page {
        visitor_name: Some("Ada".to_owned()),
        visitor_email: Some("ada@a.example".to_owned()),
        ..Page::default()
    };
    let key = "key1".to_owned();
    let effects = browser.on(Event::Submitted { key, page });
    let [Effect::Ask(Request::Create { request, .. })] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(request.visitor_name.as_deref(), Some("Ada"));
    assert_eq!(request.visitor_email.as_deref(), Some("ada@a.example"));
}
