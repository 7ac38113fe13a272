//! What the two sides see of each other besides messages.

use super::*;

/// The answers of a server that knows signals.
fn signals(state: &str, seen: Option<&str>, staff_typing: bool) -> Signals {
    Signals {
        seen: seen.map(|id| id.to_owned().into()),
        staff_typing,
        state: Some(state.to_owned()),
    }
}

impl Browser {
    fn signalled(&mut self, messages: Vec<Message>, signals: Signals) -> Vec<Effect> {
        self.on(Event::Polled(Ok(Batch {
            messages,
            more: false,
            can_wait_s: WAIT_S,
            signals,
        })))
    }

    fn typed(&mut self, text: &str) -> Vec<Effect> {
        self.on(Event::Drafted(text.to_owned()))
    }
}

#[test]
fn a_poll_repeats_the_state_that_the_server_gave() {
    let mut browser = Browser::chatting();
    browser.on(Event::TimerExpired(Timer::Poll));
    let states = |effects: Vec<Effect>| {
        let polls = effects.into_iter().filter_map(|effect| match effect {
            Effect::Ask(Request::Poll { state, .. }) => Some(state),
            _ => None,
        });
        polls.collect::<Vec<_>>()
    };
    browser.wait(POLL_MS);
    let effects = browser.signalled(vec![], signals("s1", None, false));
    assert_eq!(states(effects), [Some("s1".to_owned())]);
    // A change of the signals does not make polls more frequent than every two seconds.
    let effects = browser.signalled(vec![], signals("s2", None, true));
    assert_eq!(effects, [poll_in(POLL_MS)]);
    assert!(browser.session.staff_type());
    browser.wait(POLL_MS);
    let effects = browser.on(Event::TimerExpired(Timer::Poll));
    assert_eq!(states(effects), [Some("s2".to_owned())]);
    browser.signalled(vec![], signals("s3", Some("m1"), false));
    assert!(!browser.session.staff_type());
    assert_eq!(browser.session.seen().map(MessageId::as_str), Some("m1"));
    // An older server does not send signals.
    browser.on(Event::TimerExpired(Timer::Poll));
    browser.polled(vec![]);
    assert_eq!(browser.session.seen(), None);
}

#[test]
fn staff_are_told_of_typing_every_three_seconds_while_there_is_a_conversation() {
    let typing = || {
        let credentials = credentials();
        [Effect::Ask(Request::Type { credentials })]
    };
    let mut browser = Browser::open();
    assert_eq!(browser.typed("H"), [], "there is no conversation");
    let mut browser = Browser::chatting();
    assert_eq!(browser.typed("H"), [], "the server does not know of it");
    browser.on(Event::TimerExpired(Timer::Poll));
    browser.signalled(vec![], signals("s1", None, false));
    assert_eq!(browser.typed(""), [], "nothing is written");
    assert_eq!(browser.typed("H"), typing());
    browser.wait(2_999.0);
    assert_eq!(browser.typed("He"), []);
    browser.wait(1.0);
    assert_eq!(browser.typed("Hel"), typing());
}

#[test]
fn typing_is_spoken_once_until_there_is_an_answer() {
    let mut browser = Browser::chatting();
    let mut tell = |messages, typing| {
        browser.wait(POLL_MS);
        browser.on(Event::TimerExpired(Timer::Poll));
        browser.signalled(messages, signals("s", None, typing));
        browser.session.typing_was_told()
    };
    assert!(!tell(vec![], true));
    assert!(!tell(vec![], true), "the same");
    assert!(tell(vec![], false));
    assert!(tell(vec![], true), "again, and not spoken");
    assert!(!tell(vec![staff("m2", "Hi")], false));
    assert!(!tell(vec![], true));
}
