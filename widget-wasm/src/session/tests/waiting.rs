//! Polls that the server lets wait.

use super::*;

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
    // The poll waits as long as it may, without news.
    browser.wait(25_000.0);
    assert_eq!(browser.waited(vec![]), [wait_after(Some("m3"))]);
}

#[test]
fn what_brings_nothing_new_is_asked_once_in_two_seconds() {
    let mut browser = Browser::waiting();
    browser.wait(500.0);
    assert_eq!(browser.waited(vec![]), [poll_in(1_500.0)]);
    // This holds even if the clock is changed.
    browser.wait(-60_000.0);
    assert_eq!(browser.waited(vec![]), [poll_in(POLL_MS)]);
    browser.wait(POLL_MS);
    browser.on(Event::TimerExpired(Timer::Poll));
    // Until the homeserver has accepted a message, every answer contains it.
    browser.send("Question");
    browser.on(sent("m3"));
    let pending = || vec![own("m3", "Question", Delivery::Pending)];
    assert_eq!(browser.waited(pending()), [wait_after(Some("m2"))]);
    assert_eq!(browser.waited(pending()), [poll_in(POLL_MS)]);
    browser.wait(POLL_MS);
    browser.on(Event::TimerExpired(Timer::Poll));
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
    assert_eq!(
        browser.on(Event::TimerExpired(Timer::Poll)),
        [Effect::CancelPoll]
    );
    assert_eq!(browser.on(Event::Opened), [wait_after(Some("m3"))]);
    // If the panel is opened again within the grace period, the poll continues to wait.
    browser.on(Event::Closed);
    browser.on(Event::Opened);
    browser.wait(GRACE_MS);
    assert_eq!(browser.on(Event::TimerExpired(Timer::Poll)), []);
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
    assert_eq!(
        browser.on(Event::TimerExpired(Timer::Poll)),
        [poll(Some("m2"))]
    );

    let mut browser = Browser::waiting();
    browser.on(Event::Polled(Err(refused(
        400,
        ErrorCode::MalformedRequest,
    ))));
    assert_eq!(
        browser.on(Event::TimerExpired(Timer::Poll)),
        [poll(Some("m2"))]
    );
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
        browser.on(Event::TimerExpired(Timer::Poll)),
        [wait_after(Some("m99"))]
    );
}
