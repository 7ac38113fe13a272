//! A conversation ends, is forgotten, or continues.

use super::*;

#[test]
fn ending_the_chat_forgets_it_and_keeps_what_was_said() {
    let mut browser = Browser::chatting();
    let end = Effect::Ask(Request::End {
        credentials: credentials(),
    });
    // When asked to confirm, the visitor can still continue the conversation.
    for event in [Event::EndAsked, Event::EndDropped, Event::EndAsked] {
        assert_eq!(browser.on(event), []);
        assert!(browser.session.is_idle());
    }
    assert!(browser.session.is_end_asked());
    assert_eq!(browser.on(Event::EndConfirmed), [end]);
    assert!(!browser.session.is_end_asked());
    assert!(!browser.session.can_send());
    assert_eq!(
        browser.on(Event::Ended(Ok(()))),
        [Effect::CancelPoll, Effect::Forget]
    );
    assert_eq!(browser.session.ending(), Some(Ending::Closed));
    for event in [
        Event::TimerExpired(Timer::Poll),
        Event::Opened,
        Event::Visible(true),
    ] {
        assert_eq!(browser.on(event), []);
    }
    assert!(!browser.session.has_session());
    assert_eq!(browser.lines(), ["Hello"]);
    browser.on(Event::Restarted);
    assert_eq!(browser.session.ending(), None);
    assert_eq!(browser.lines(), [""; 0]);
    assert_eq!(browser.send("New"), [create("key2", "2", "New")]);
}

#[test]
fn an_end_that_did_not_get_through_can_be_retried() {
    let mut browser = Browser::chatting();
    let end = browser.on(Event::EndConfirmed);
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
        assert_eq!(effects, []);
        assert_eq!(browser.session.ending(), Some(ending));
        assert_eq!(browser.session.draft(), "Too late\nand more");

        let mut browser = Browser::chatting();
        browser.on(Event::EndConfirmed);
        browser.on(Event::Ended(Err(failure)));
        assert_eq!(browser.session.ending(), Some(Ending::Closed));
    }
}

#[test]
fn an_ended_conversation_is_looked_at_and_goes_on_when_staff_take_it_up_again() {
    let closed = || Event::Polled(Err(refused(410, ErrorCode::SessionClosed)));
    let mut browser = Browser::chatting();
    browser.on(Event::TimerExpired(Timer::Poll));
    assert_eq!(browser.on(closed()), []);
    assert_eq!(browser.stored, Some(credentials()));
    assert_eq!(browser.on(Event::TimerExpired(Timer::Poll)), []);
    assert!(!browser.session.can_send());
    // A fault of the network says nothing about the session.
    browser.on(Event::Visible(true));
    assert_eq!(browser.on(Event::Polled(Err(Failure::Network))), []);
    assert_eq!(browser.trouble(), None);
    browser.on(Event::Closed);
    assert_eq!(browser.on(Event::TimerExpired(Timer::Poll)), []);
    // The poll starts at once when the visitor returns.
    for back in [Event::Opened, Event::Visible(true), Event::Online(true)] {
        assert_eq!(browser.on(back), [poll(Some("m1"))]);
        browser.on(closed());
    }
    browser.on(Event::Visible(true));
    browser.polled(vec![staff("m2", "One more thing")]);
    assert_eq!(browser.session.ending(), None);
    assert_eq!(browser.lines(), ["Hello", "One more thing"]);
    assert_eq!(browser.send("Yes?"), [send("key2", "Yes?")]);
}

#[test]
fn a_new_conversation_forgets_the_one_that_has_ended() {
    let mut browser = Browser::chatting();
    browser.on(Event::Polled(Err(refused(410, ErrorCode::SessionExpired))));
    assert_eq!(
        browser.on(Event::Restarted),
        [Effect::CancelPoll, Effect::Forget]
    );
    assert_eq!(browser.stored, None);
    for event in [Event::TimerExpired(Timer::Poll), Event::Visible(true)] {
        assert_eq!(browser.on(event), []);
    }
    assert_eq!(browser.send("New"), [create("key2", "2", "New")]);
}

#[test]
fn an_ended_conversation_that_is_gone_stays_ended() {
    let mut browser = Browser::chatting();
    browser.on(Event::Polled(Err(refused(410, ErrorCode::SessionClosed))));
    browser.on(Event::Visible(true));
    browser.on(Event::Polled(Err(refused(404, ErrorCode::SessionNotFound))));
    assert_eq!(browser.session.ending(), Some(Ending::Closed));
    assert_eq!(browser.lines(), ["Hello"]);
    assert_eq!(browser.on(Event::Visible(true)), []);
}

#[test]
fn a_message_on_its_way_when_the_session_ends_is_neither_lost_nor_doubled() {
    let end = |browser: &mut Browser| {
        browser.send("Last words");
        browser.on(Event::TimerExpired(Timer::Poll));
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
        browser.on(Event::TimerExpired(Timer::Poll));
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
    // The poll in progress gets the same answer, and must not end the session that is about to
    // begin.
    let effects = browser.on(Event::Sent(Err(refused(404, ErrorCode::SessionNotFound))));
    let creation = create("key1", "1", "Anyone?");
    assert_eq!(effects, [Effect::CancelPoll, Effect::Forget, creation]);
    browser.on(created());
    assert_eq!(browser.lines(), ["Anyone?"]);
    assert!(browser.session.has_session());
}
