//! What is sent while another message is on its way.

use super::*;

#[test]
fn what_is_sent_while_a_message_is_on_its_way_follows_it_under_a_key_of_its_own() {
    let mut browser = Browser::open();
    browser.send("First");
    assert_eq!(browser.send("Second"), []);
    assert_eq!(browser.send("Third"), []);
    assert_eq!(browser.session.draft(), "");
    assert_eq!(browser.lines(), ["First", "Second", "Third"]);
    for key in ["key1", "key2", "key3"] {
        assert!(browser.kept.contains(key), "{}", browser.kept);
    }
    let effects = browser.on(created());
    assert!(effects.contains(&send("key2", "Second")), "{effects:?}");
    assert_eq!(browser.on(sent("m2")), [send("key3", "Third")]);
    assert_eq!(browser.on(sent("m3")), []);
    assert_eq!(browser.lines(), ["First", "Second", "Third"]);
    assert_eq!(browser.kept, "");
}

#[test]
fn only_so_many_messages_wait_and_the_next_stays_in_the_composer() {
    let mut browser = Browser::open();
    for number in 0..MAX_OUTGOING {
        browser.send(&number.to_string());
    }
    assert_eq!(browser.send("Too many"), []);
    assert_eq!(browser.session.draft(), "Too many");
    assert!(!browser.session.can_send());
    browser.on(created());
    assert!(browser.session.can_send());
}

#[test]
fn messages_that_wait_stay_behind_one_that_fails_and_follow_it_when_it_goes() {
    let mut browser = Browser::chatting();
    let second = browser.send("Second");
    browser.send("Third");
    assert_eq!(browser.on(Event::Sent(Err(Failure::Network))), []);
    assert_eq!(browser.lines(), ["Hello", "Second", "Third"]);
    assert_eq!(browser.session.draft(), "");
    assert!(browser.session.notice().unwrap().is_in_log);
    assert_eq!(browser.retry(), second);
    assert_eq!(browser.on(sent("m2")), [send("key3", "Third")]);
}

#[test]
fn what_is_refused_for_good_comes_back_with_all_that_waits_behind_it() {
    let mut browser = Browser::chatting();
    browser.send("Second");
    browser.send("Third");
    browser.on(Event::Drafted("more".to_owned()));
    let refusal = refused(422, ErrorCode::InvalidField);
    assert_eq!(browser.on(Event::Sent(Err(refusal))), []);
    assert_eq!(browser.session.draft(), "Second\nThird\nmore");
    assert_eq!(browser.lines(), ["Hello"]);
    assert_eq!(browser.send("Other"), [send("key4", "Other")]);
}

#[test]
fn the_end_gives_what_waits_back_to_the_visitor() {
    let mut browser = Browser::chatting();
    browser.send("Second");
    browser.send("Third");
    let ended = refused(410, ErrorCode::SessionClosed);
    browser.on(Event::Sent(Err(ended)));
    assert_eq!(browser.session.draft(), "Second\nThird");
    assert_eq!(browser.lines(), ["Hello"]);
}
