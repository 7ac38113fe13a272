use chrono::{DateTime, TimeZone, Utc};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    config::StaffLanguage, matrix::details, staff_texts::RoomTexts, storage::sessions::Subject,
};

const ENGLISH: &RoomTexts = RoomTexts::of(StaffLanguage::English);

const BOT: &str = "@bot:localhost";
const ALICE: &str = "@alice:localhost";
const BOB: &str = "@bob:localhost";

fn subject() -> Subject {
    Subject {
        id: Uuid::nil(),
        room_id: None,
        source_url: Some("https://webdevelop.biz/".into()),
        page_title: None,
        visitor_name: Some("Ada".into()),
        visitor_email: None,
    }
}

fn event(id: usize, sender: &str, event_type: &str, more: &Value) -> RoomEvent {
    let mut event = json!({
        "event_id": format!("${id}"), "sender": sender, "type": event_type,
        "origin_server_ts": 1_779_494_400_000_i64,
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    serde_json::from_value(event).unwrap()
}

fn message(id: usize, sender: &str, content: &Value) -> RoomEvent {
    event(id, sender, "m.room.message", &json!({ "content": content }))
}

fn text(id: usize, sender: &str, body: &str) -> RoomEvent {
    message(id, sender, &json!({"msgtype": "m.text", "body": body}))
}

fn member(id: usize, user_id: &str, membership: &str, previous: &str) -> RoomEvent {
    event(
        id,
        user_id,
        "m.room.member",
        &json!({
            "state_key": user_id, "content": {"membership": membership},
            "unsigned": {"prev_content": {"membership": previous}},
        }),
    )
}

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 5, 23, 14, 5, 0).unwrap()
}

/// The recap of a history that is given oldest first.
fn told(subject: &Subject, mut history: Vec<RoomEvent>, not_shown: &[&str]) -> Option<Notice> {
    history.reverse();
    let not_shown: Vec<_> = not_shown.iter().map(|id| (*id).to_owned()).collect();
    let mut unseen = Unseen::new(BOT, ALICE, details::notice(ENGLISH, subject, None), None);
    unseen.take(&history, &not_shown);
    let told = unseen.told(State::Open)?;
    Some(told.write(ENGLISH, 56 * 1024, now()))
}

fn recap(history: Vec<RoomEvent>) -> Option<String> {
    told(&subject(), history, &[]).map(|notice| notice.body().to_owned())
}

#[test]
fn it_tells_the_last_words_the_details_and_each_text_with_its_time_and_whose_it_was() {
    let answer = json!({
        "msgtype": "m.text", "body": "The visitor does not see this.",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$2"}},
    });
    let recap = recap(vec![
        text(1, BOT, "Hello?"),
        text(2, BOB, "Hi."),
        message(3, BOT, &json!({"msgtype": "m.notice", "body": "n"})),
        message(4, BOT, &answer),
    ]);
    assert_eq!(
        recap.unwrap(),
        "00:00 UTC, the visitor's last words:\n> Hello?\n\n\
         Visitor:\n> Ada\nPage:\n> https://webdevelop.biz/\n\n\
         What was said before you joined (2 messages):\n\n\
         00:00 UTC, Visitor:\n> Hello?\n\n\
         00:00 UTC, @bob:localhost:\n> Hi."
    );
}

#[test]
fn what_the_visitor_was_not_shown_is_not_told() {
    let history = vec![
        text(1, BOT, "Hello?"),
        text(2, BOB, "!note a difficult one"),
    ];
    let recap = told(&subject(), history, &["$2"]).unwrap();
    assert!(!recap.body().contains("difficult"), "{}", recap.body());
    assert_eq!(
        told(&subject(), vec![text(2, BOB, "between us")], &["$2"]),
        None
    );
}

#[test]
fn an_edited_text_is_told_as_it_reads_now() {
    let edit = message(
        3,
        BOB,
        &json!({
            "msgtype": "m.text", "body": "* new", "m.new_content": {"msgtype": "m.text", "body": "new"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": "$2"},
        }),
    );
    let recap = recap(vec![text(2, BOB, "old"), edit]).unwrap();
    assert!(
        recap.ends_with("@bob:localhost:\n> new") && !recap.contains("old"),
        "{recap}"
    );
}

#[test]
fn a_former_member_gets_only_what_they_missed() {
    let recap = recap(vec![
        text(1, BOT, "seen"),
        member(2, ALICE, "leave", "join"),
        text(3, BOT, "missed"),
        member(4, ALICE, "invite", "leave"),
    ])
    .unwrap();
    assert!(
        recap.contains("missed") && !recap.contains("seen"),
        "{recap}"
    );
}

#[test]
fn a_recap_may_say_only_who_the_visitor_is() {
    let content = details::notice(ENGLISH, &subject(), None)
        .unwrap()
        .content();
    let history = vec![message(1, BOT, &content), member(2, ALICE, "invite", "")];
    assert_eq!(
        recap(history).unwrap(),
        "What was said before you joined:\n\nVisitor:\n> Ada\nPage:\n> https://webdevelop.biz/"
    );
}

#[test]
fn the_details_are_known_by_their_event_and_its_edits() {
    let missed_details = |event: RoomEvent| {
        let details = details::notice(ENGLISH, &subject(), None);
        let mut unseen = Unseen::new(BOT, ALICE, details, Some("$1".to_owned()));
        unseen.take(&[event], &[]);
        unseen.missed_details
    };
    let old = json!({"msgtype": "m.notice", "body": "as it was before"});
    assert!(missed_details(message(1, BOT, &old)));
    assert!(!missed_details(message(2, BOT, &old)));
    let edit = Notice::new("new").edit_of("$1");
    assert!(missed_details(message(3, BOT, &edit)));
}

#[test]
fn without_anything_missed_there_is_no_recap() {
    assert_eq!(recap(vec![member(1, ALICE, "invite", "")]), None);
}

#[test]
fn only_the_newest_fifty_are_told_and_it_says_how_many_there_were_before() {
    let texts = (0..53).map(|n| text(n, BOT, &format!("text-{n};")));
    let recap = recap(texts.collect()).unwrap();
    assert!(
        recap.contains("(the newest 50 messages, and 3 more before):"),
        "{recap}"
    );
    assert!(
        !recap.contains("text-2;") && recap.contains("text-3;"),
        "{recap}"
    );
}

#[test]
fn the_longest_texts_still_fit_one_event() {
    let long = "🦀\"\n".repeat(4_000);
    for long in [long, "<\n".repeat(2_000), "\u{202e}".repeat(4_000)] {
        let history = (0..20).map(|n| text(n, BOT, &long)).collect();
        let recap = told(&subject(), history, &[]).unwrap();
        assert!(recap.body().contains("more before"));
        let bytes = recap.content().to_string().len();
        assert!((10_000..60_000).contains(&bytes), "{bytes}");
    }
}

#[test]
fn a_recap_repeats_messages_of_former_rooms_that_a_notice_names() {
    let id = Uuid::from_u128(7);
    let mut content = Notice::new("This room continues").content();
    content[RETOLD] = json!([id, "no id"]);
    let mut unseen = Unseen::new(BOT, ALICE, details::notice(ENGLISH, &subject(), None), None);
    unseen.take(&[message(1, BOT, &content)], &[]);
    assert_eq!((unseen.retold(), unseen.missed_details), (&[id][..], true));
    let text = Text {
        at: None,
        author: Author::Visitor,
        body: "told".to_owned(),
    };
    unseen.add(std::iter::once(text), 3);
    assert_eq!((unseen.count(), unseen.more), (1, 2));
}

proptest! {
    /// The lines that are not quoted contain nothing that the visitor wrote.
    #[test]
    fn no_words_of_a_visitor_change_a_line_of_the_bot(
        name in any::<String>(), title in "(?s).*", body in "(?s)(.|\n|\r|> |\\[){0,40}",
    ) {
        let lines = |name: &str, title: &str, body: &str| {
            let subject = Subject {
                visitor_name: Some(name.to_owned()),
                page_title: Some(title.to_owned()),
                ..subject()
            };
            let history = vec![text(1, BOT, body), text(2, BOB, "Hi.")];
            let notice = told(&subject, history, &[]).unwrap();
            let own = notice.body().lines().filter(|line| !line.starts_with("> "));
            own.map(str::to_owned).collect::<Vec<_>>()
        };
        prop_assert_eq!(lines(&name, &title, &body), lines("Ada", "Home", "Hello"));
    }
}
