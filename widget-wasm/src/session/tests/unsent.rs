//! What was typed survives the page.

use super::*;

impl Browser {
    /// The next page of the tab, and what it does by itself.
    pub(super) fn leave(self) -> (Self, Vec<Effect>) {
        let mut next = Self {
            ms: self.ms,
            keys: self.keys,
            stored: self.stored,
            kept: self.kept,
            read: self.read,
            ..Self::new(None)
        };
        let effects = next.resume();
        (next, effects)
    }

    fn resume(&mut self) -> Vec<Effect> {
        let unsent = serde_json::from_str(&self.kept).unwrap_or_default();
        let now = Now {
            ms: self.ms,
            random: 0.5,
        };
        let effects = self
            .session
            .resume(self.stored.clone(), unsent, self.read.clone(), now);
        let mut effects = self.carry_out(effects);
        assert_eq!(effects.remove(0), Effect::CancelPoll);
        effects
    }
}

#[test]
fn nothing_is_kept_of_a_visitor_who_did_nothing() {
    let mut browser = Browser::open();
    browser.on(Event::Visible(false));
    browser.on(Event::Left);
    assert_eq!(browser.kept, "");
    let (browser, effects) = browser.leave();
    assert_eq!(effects, []);
    assert_eq!(browser.kept, "");
}

#[test]
fn a_draft_is_kept_until_it_is_gone() {
    let mut browser = Browser::open();
    browser.on(Event::Drafted("Hel".to_owned()));
    let (mut browser, effects) = browser.leave();
    assert_eq!(effects, []);
    assert_eq!(browser.session.draft(), "Hel");
    browser.on(Event::Drafted(String::new()));
    assert_eq!(browser.kept, "");
}

#[test]
fn a_first_message_on_its_way_is_repeated_by_the_next_page_as_it_was() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(Event::Drafted("And".to_owned()));
    let (browser, again) = browser.leave();
    assert_eq!(again, first);
    // The same holds for the page after that.
    let (mut browser, again) = browser.leave();
    assert_eq!(again, first);
    assert_eq!(browser.lines(), ["Hello"]);
    assert_eq!(browser.session.draft(), "And");
    browser.on(created());
    assert_eq!(browser.stored, Some(credentials()));
    let (browser, effects) = browser.leave();
    assert_eq!(effects, [poll(None)]);
    assert_eq!(browser.session.draft(), "And");
}

#[test]
fn a_later_message_on_its_way_is_repeated_in_its_session() {
    let mut browser = Browser::chatting();
    let first = browser.send("Second");
    let (mut browser, again) = browser.leave();
    assert_eq!(again[0], first[0]);
    // Replies are noticed for a while, although the panel is closed.
    assert_eq!(again[1..], [poll(None), poll_in(GRACE_MS)]);
    browser.on(sent("m2"));
    assert_eq!(browser.kept, "");
}

#[test]
fn several_messages_are_repeated_in_their_order() {
    let mut browser = Browser::open();
    let first = browser.send("Helo");
    browser.on(Event::Created(Err(Failure::Network)));
    browser.send("Hello");
    let (mut browser, again) = browser.leave();
    assert_eq!(again, first);
    let effects = browser.on(created());
    assert!(effects.contains(&send("key2", "Hello")), "{effects:?}");
}

#[test]
fn what_failed_is_sent_again_unless_the_visitor_has_begun_to_change_it() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(Event::Created(Err(Failure::Network)));
    let (mut browser, again) = browser.leave();
    assert_eq!(again, first);
    browser.on(Event::Created(Err(Failure::Network)));
    browser.on(Event::Drafted("Hello!".to_owned()));
    let (mut browser, again) = browser.leave();
    assert_eq!(again, []);
    assert_eq!(browser.session.draft(), "Hello!");
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    // The message may have begun a conversation, so it is still sent first.
    assert_eq!(browser.retry(), first);
}

#[test]
fn what_was_refused_for_good_is_a_draft_and_no_more() {
    let mut browser = Browser::open();
    browser.send("Hello");
    browser.on(Event::Created(Err(refused(
        403,
        ErrorCode::OriginNotAllowed,
    ))));
    let (mut browser, again) = browser.leave();
    assert_eq!(again, []);
    assert_eq!(browser.trouble(), None);
    assert_eq!(browser.session.draft(), "Hello");
    assert_eq!(browser.send("Hello"), [create("key2", "2", "Hello")]);
}

#[test]
fn a_creation_that_was_cut_and_then_refused_still_goes_before_another_one() {
    let mut browser = Browser::open();
    let first = browser.send("Helo");
    let (mut browser, _) = browser.leave();
    browser.on(Event::Created(Err(limited(2))));
    browser.wait(2_000.0);
    browser.on(Event::TimerExpired(Timer::Countdown));
    assert_eq!(browser.send("Hello"), first);
}

#[test]
fn what_was_on_its_way_to_a_session_that_ended_is_a_draft() {
    let mut browser = Browser::chatting();
    browser.send("Last words");
    browser.on(Event::Drafted("and more".to_owned()));
    browser.on(Event::TimerExpired(Timer::Poll));
    browser.on(Event::Polled(Err(refused(410, ErrorCode::SessionClosed))));
    // Staff may have resumed the conversation.
    let (mut browser, effects) = browser.leave();
    assert_eq!(effects[0], send("key2", "Last words"));
    browser.on(Event::Sent(Err(refused(410, ErrorCode::SessionClosed))));
    assert_eq!(browser.session.draft(), "Last words\nand more");
    browser.on(Event::Restarted);
    // The page after that sees it only as a draft.
    let effects;
    (browser, effects) = browser.leave();
    assert_eq!(effects, []);
    assert_eq!(browser.session.draft(), "Last words\nand more");
}

#[test]
fn a_message_to_an_unknown_session_is_repeated_as_the_first_of_another() {
    let mut browser = Browser::chatting();
    browser.send("Anyone?");
    browser.on(Event::Sent(Err(refused(404, ErrorCode::SessionNotFound))));
    let (_, again) = browser.leave();
    assert_eq!(again, [create("key2", "2", "Anyone?")]);
}

#[test]
fn a_page_that_comes_back_goes_on_with_what_another_has_done() {
    let mut left = Browser::open();
    left.send("Hello");
    let mut other = Browser::open();
    other.kept.clone_from(&left.kept);
    other.resume();
    other.on(created());
    other.on(Event::Drafted("And".to_owned()));

    left.kept.clone_from(&other.kept);
    left.stored.clone_from(&other.stored);
    assert_eq!(left.resume(), [poll(None)]);
    assert_eq!(left.session.draft(), "And");
    assert!(left.session.is_open());
    left.polled(vec![own("m1", "Hello", Delivery::Delivered)]);
    assert_eq!(left.lines(), ["Hello"]);
}

// The network comes back.

#[test]
fn what_failed_offline_goes_out_when_the_network_is_back() {
    let mut browser = Browser::chatting();
    browser.on(Event::Online(false));
    let first = browser.send("In the tunnel");
    browser.on(Event::Sent(Err(Failure::Network)));
    assert_eq!(browser.session.draft(), "In the tunnel");
    let effects = browser.on(Event::Online(true));
    assert_eq!(effects[0], first[0]);
    assert_eq!(browser.session.draft(), "");

    // The interrupted request may fail after the network is back.
    browser.on(Event::Online(true));
    assert_eq!(browser.on(Event::Sent(Err(Failure::Network))), first);
    // That must not cause an endless series of repetitions.
    assert_eq!(browser.on(Event::Sent(Err(Failure::Network))), []);
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
}

#[test]
fn an_end_that_was_asked_for_offline_goes_out_too() {
    let mut browser = Browser::chatting();
    browser.on(Event::Online(false));
    let end = browser.on(Event::EndConfirmed);
    browser.on(Event::Ended(Err(Failure::Network)));
    assert_eq!(browser.on(Event::Online(true))[0], end[0]);
}

#[test]
fn what_is_being_changed_refused_or_limited_does_not_go_out_by_itself() {
    for (failure, draft) in [
        (Failure::Network, "Hello!"),
        (refused(422, ErrorCode::InvalidField), "Hello"),
        (limited(60), "Hello"),
    ] {
        let mut browser = Browser::open();
        browser.send("Hello");
        browser.on(Event::Created(Err(failure)));
        browser.on(Event::Drafted(draft.to_owned()));
        assert_eq!(browser.on(Event::Online(true)), [], "{draft}");
    }
}
