//! Polls start when they are needed, and no more often.

use super::*;

#[test]
fn polls_every_two_seconds_and_never_two_at_a_time() {
    let mut browser = Browser::chatting();
    browser.wait(POLL_MS);
    assert_eq!(
        browser.on(Event::TimerExpired(Timer::Poll)),
        [poll(Some("m1"))]
    );
    for event in [
        Event::TimerExpired(Timer::Poll),
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
        browser.on(Event::TimerExpired(Timer::Poll)),
        [poll(Some("m1")), poll_in(1.0)]
    );
    browser.polled(vec![staff("m2", "Hi")]);
    assert_eq!(browser.session.unread(), 1);
    browser.wait(POLL_MS);
    assert_eq!(browser.on(Event::TimerExpired(Timer::Poll)), []);
    assert_eq!(browser.on(Event::Opened), [poll(Some("m2"))]);
    assert_eq!(browser.session.unread(), 0);
}

#[test]
fn a_closed_panel_is_looked_at_once_when_the_visitor_is_back() {
    let mut browser = Browser::waiting();
    browser.on(Event::Closed);
    browser.wait(GRACE_MS);
    browser.on(Event::TimerExpired(Timer::Poll));
    for (index, event) in [Event::Online(true), Event::Visible(true)]
        .into_iter()
        .enumerate()
    {
        browser.wait(3_600_000.0);
        let cursor = format!("m{}", index + 2);
        // It does not wait, even if the server allows it.
        assert_eq!(browser.on(event), [poll(Some(&cursor))]);
        assert_eq!(browser.on(Event::TimerExpired(Timer::Poll)), []);
        browser.waited(vec![staff(&format!("m{}", index + 3), "There?")]);
        assert_eq!(browser.session.unread(), index + 1);
        browser.wait(POLL_MS);
        assert_eq!(browser.on(Event::TimerExpired(Timer::Poll)), []);
    }
    // Without a conversation nothing is polled.
    let mut other = Browser::new(None);
    for event in [Event::Online(true), Event::Visible(true)] {
        assert_eq!(other.on(event), []);
    }
}

#[test]
fn what_another_tab_has_shown_is_unread_no_more() {
    let mut browser = Browser::chatting();
    browser.on(Event::Closed);
    browser.polled(vec![staff("m2", "Hi")]);
    assert_eq!(browser.session.unread(), 1);
    browser.on(Event::Read);
    assert_eq!(browser.session.unread(), 0);
}

#[test]
fn the_next_page_knows_what_was_read() {
    let mut browser = Browser::chatting();
    browser.polled(vec![staff("m2", "Read")]);
    browser.on(Event::Left);
    assert_eq!(browser.read, Some("m2".to_owned().into()));
    let (mut browser, effects) = browser.leave();
    assert_eq!(effects, [poll(None)]);
    browser.polled(vec![
        own("m1", "Hello", Delivery::Delivered),
        staff("m2", "Read"),
        staff("m3", "New"),
        staff("m4", " \u{200b}"),
    ]);
    assert_eq!(browser.session.unread(), 1);
    assert_eq!(browser.lines(), ["Hello", "Read", "New"]);
    // What is unread when the page is left stays unread.
    browser.on(Event::Left);
    assert_eq!(browser.read, Some("m2".to_owned().into()));
    browser.on(Event::Opened);
    assert_eq!(browser.session.unread(), 0);
    assert_eq!(browser.read, Some("m4".to_owned().into()));
}

/// A page may end without notice, so what is read and unread is stored at every change.
#[test]
fn what_was_read_is_known_from_the_first_message_on() {
    // The message may be accepted while the panel is open, or after it was closed.
    for closes_first in [false, true] {
        let mut browser = Browser::open();
        browser.send("Hello");
        if closes_first {
            browser.on(Event::Closed);
        }
        browser.on(created());
        assert_eq!(browser.read, Some("m1".to_owned().into()));
        browser.on(Event::Closed);
        // Two pages, one after the other, report the same news.
        for _ in 0..2 {
            let effects;
            (browser, effects) = browser.leave();
            assert_eq!(effects, [poll(None)]);
            browser.polled(vec![
                own("m1", "Hello", Delivery::Delivered),
                staff("m2", "Hi"),
            ]);
            assert_eq!(browser.session.unread(), 1);
            assert_eq!(browser.read, Some("m1".to_owned().into()));
        }
    }
}

#[test]
fn a_reply_that_came_to_a_closed_panel_is_unread_on_the_next_page() {
    let mut browser = Browser::chatting();
    browser.on(Event::Closed);
    browser.polled(vec![staff("m2", "Hi")]);
    assert_eq!(browser.session.unread(), 1);
    let (mut browser, _) = browser.leave();
    browser.polled(vec![
        own("m1", "Hello", Delivery::Delivered),
        staff("m2", "Hi"),
    ]);
    assert_eq!(browser.session.unread(), 1);
    // Another tab has shown the reply.
    browser.on(Event::Read);
    assert_eq!(browser.read, Some("m2".to_owned().into()));
}

#[test]
fn what_a_panel_was_closed_too_early_to_show_is_unread() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    browser.on(Event::Closed);
    assert_eq!(browser.read, None);
    browser.polled(vec![
        own("m1", "Hello", Delivery::Delivered),
        staff("m2", "Hi"),
    ]);
    assert_eq!(browser.session.unread(), 1);
}

#[test]
fn what_is_sent_before_the_transcript_has_arrived_says_nothing_of_what_was_read() {
    let (mut browser, _) = Browser::chatting().leave();
    browser.on(Event::Opened);
    browser.send("More");
    browser.on(sent("m3"));
    browser.on(Event::Closed);
    assert_eq!(browser.read, Some("m1".to_owned().into()));
    browser.polled(vec![
        own("m1", "Hello", Delivery::Delivered),
        staff("m2", "Hi"),
        own("m3", "More", Delivery::Delivered),
    ]);
    assert_eq!(browser.session.unread(), 1);
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
        browser.on(Event::TimerExpired(Timer::Poll));
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
    browser.on(Event::TimerExpired(Timer::Poll));
    assert_eq!(browser.polled(vec![]), [poll_in(POLL_MS)]);
    assert_eq!(browser.trouble(), None);
}

#[test]
fn polls_wait_as_long_as_the_server_asks() {
    let mut browser = Browser::chatting();
    browser.on(Event::TimerExpired(Timer::Poll));
    assert_eq!(
        browser.on(Event::Polled(Err(limited(90)))),
        [poll_in(90_000.0)]
    );
    browser.wait(60_000.0);
    assert_eq!(browser.on(Event::Visible(true)), [poll_in(30_000.0)]);
    browser.wait(30_000.0);
    assert_eq!(
        browser.on(Event::TimerExpired(Timer::Poll)),
        [poll(Some("m1"))]
    );
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
    // The same entry again is no news.
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
    // The next round of polls begins before the message whose delivery is still unknown.
    assert_eq!(browser.on(Event::TimerExpired(Timer::Poll)), [poll(None)]);
}

#[test]
fn a_server_that_repeats_a_full_page_is_not_asked_without_end() {
    let mut browser = Browser::new(Some(credentials()));
    browser.on(Event::Opened);
    let page = || (0..100).map(|n| staff(&format!("m{n}"), "x")).collect();
    assert_eq!(browser.polled(page()), [poll(Some("m99"))]);
    assert_eq!(browser.polled(page()), [poll_in(POLL_MS)]);
}

#[test]
fn a_cursor_that_the_server_does_not_know_starts_the_transcript_again() {
    let mut browser = Browser::chatting();
    browser.on(Event::TimerExpired(Timer::Poll));
    browser.on(Event::Polled(Err(refused(422, ErrorCode::UnknownCursor))));
    assert_eq!(browser.on(Event::TimerExpired(Timer::Poll)), [poll(None)]);
}
