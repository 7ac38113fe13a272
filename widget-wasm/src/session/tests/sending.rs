//! Messages are sent exactly once and in order, whatever fails.

use super::*;

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
fn what_the_server_would_refuse_is_not_sent() {
    let mut browser = Browser::open();
    let too_long = "🦀".repeat(DEFAULT_MAX_MESSAGE_CHARS + 1);
    for text in ["", " \n", &too_long] {
        assert_eq!(browser.send(text), []);
        assert_eq!(browser.session.draft(), text);
    }
    let longest = "🦀".repeat(DEFAULT_MAX_MESSAGE_CHARS);
    assert_eq!(browser.send(&longest).len(), 1);
}

#[test]
fn what_no_message_may_have_is_left_out_with_a_word() {
    let mut browser = Browser::open();
    browser.on(Event::Drafted("a\u{7}b\t\r\n".to_owned()));
    assert_eq!(browser.session.draft(), "ab\t\r\n");
    assert!(browser.session.has_dropped());
    assert!(browser.session.can_send());
    browser.on(Event::Drafted("ab".to_owned()));
    assert!(!browser.session.has_dropped());
}

#[test]
fn what_will_not_be_delivered_can_be_sent_again_once() {
    let mut browser = Browser::chatting();
    browser.polled(vec![own("m2", "Lost", Delivery::Failed)]);
    let again = |browser: &mut Browser, id: &str| {
        let (key, page) = browser.key_and_page();
        let id = id.to_owned();
        browser.on(Event::Repeated { id, key, page })
    };
    browser.on(Event::Drafted("more".to_owned()));
    assert_eq!(again(&mut browser, "m1"), []);
    assert_eq!(again(&mut browser, "m9"), []);
    assert_eq!(again(&mut browser, "m2"), [send("key4", "Lost")]);
    assert_eq!(again(&mut browser, "m2"), []);
    assert_eq!(browser.session.draft(), "more");
    browser.on(sent("m3"));
    assert_eq!(again(&mut browser, "m2"), []);
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

// Failures and repetitions.

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
            is_in_log: false,
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
    assert!(browser.session.notice().unwrap().is_in_log);
    assert!(
        browser
            .session
            .outgoing()
            .all(|(_, is_sending)| !is_sending)
    );
    // The second message follows the first at once.
    assert_eq!(browser.send("Second"), first);
    assert_eq!(browser.on(sent("m2")), [send("key3", "Second")]);
    browser.on(sent("m3"));
    assert_eq!(browser.lines(), ["Hello", "First", "Second"]);
}

#[test]
fn a_failed_text_that_is_erased_is_withdrawn() {
    for erased in ["", " \n"] {
        for begins in [true, false] {
            let mut browser = if begins {
                Browser::open()
            } else {
                Browser::chatting()
            };
            browser.send("Private");
            browser.on(if begins {
                Event::Created(Err(Failure::Network))
            } else {
                Event::Sent(Err(Failure::Network))
            });
            assert!(browser.kept.contains("Private"));
            browser.on(Event::Drafted(erased.to_owned()));
            assert_eq!(browser.session.notice(), None);
            assert!(!browser.kept.contains("Private"), "{}", browser.kept);
            assert_eq!(browser.retry(), []);
            let mut effects = browser.on(Event::Online(true));
            browser.on(Event::Drafted("Other".to_owned()));
            assert!(!browser.kept.contains("Private"), "{}", browser.kept);
            effects.extend(browser.leave().1);
            let is_action = |effect: &&Effect| {
                matches!(
                    effect,
                    Effect::Ask(Request::Create { .. } | Request::Send { .. })
                )
            };
            assert_eq!(effects.iter().find(is_action), None);
        }
    }
}

#[test]
fn a_withdrawn_text_that_is_written_again_has_the_key_that_the_server_may_know() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(Event::Created(Err(Failure::Network)));
    browser.on(Event::Drafted(String::new()));
    assert_eq!(browser.send("Hello"), first);
    browser.on(Event::Created(Err(Failure::Network)));
    browser.on(Event::Drafted(String::new()));
    assert_eq!(browser.send("Other"), [create("key3", "3", "Other")]);
}

#[test]
fn a_withdrawn_text_leaves_the_limit_that_it_met() {
    let mut browser = Browser::chatting();
    browser.send("Fast");
    browser.on(Event::Sent(Err(limited(1))));
    browser.on(Event::Drafted(String::new()));
    let notice = browser.session.notice().unwrap();
    assert_eq!(
        (notice.what, notice.can_retry),
        (Trouble::RateLimited, false)
    );
    browser.wait(1_000.0);
    browser.on(Event::TimerExpired(Timer::Countdown));
    assert_eq!(browser.session.notice(), None);
}

#[test]
fn a_failed_text_that_was_made_too_long_is_not_sent_as_it_was() {
    let mut browser = Browser::chatting();
    browser.send("Short");
    browser.on(Event::Sent(Err(Failure::Network)));
    let too_long = "x".repeat(DEFAULT_MAX_MESSAGE_CHARS + 1);
    browser.on(Event::Drafted(too_long));
    assert_eq!(browser.retry(), []);
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
        is_in_log: false,
        wait_s: Some(2),
    };
    assert_eq!(notice, expected);
    assert_eq!(browser.retry(), []);
    assert!(!browser.session.can_send());

    browser.wait(1_000.0);
    let effects = browser.on(Event::TimerExpired(Timer::Countdown));
    assert_eq!(effects, [Effect::SetTimer(Timer::Countdown, 1_000.0)]);
    assert_eq!(browser.session.notice().unwrap().wait_s, Some(1));

    browser.wait(1_000.0);
    assert_eq!(browser.on(Event::TimerExpired(Timer::Countdown)), []);
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
            is_in_log: false,
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
            is_in_log: false,
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
