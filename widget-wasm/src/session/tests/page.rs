//! What the page around the chat is told, and what it is asked.

use super::*;

#[test]
fn the_storage_holds_exactly_the_two_names() {
    let json = serde_json::to_string(&credentials()).unwrap();
    assert_eq!(json, r#"{"sessionId":"s1","token":"t1"}"#);
}

// What the page around the chat was told.

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
    // The transcript is read again from the beginning, because the server has lost the cursor. It
    // contains no news.
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
    // The same trouble after another attempt is news.
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
