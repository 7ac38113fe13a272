//! A history in which all is well has no findings, and each that is broken has its own.

use super::*;
use crate::api::Entry;

const BOT: &str = "@bot:localhost";
const ALICE: &str = "@alice:localhost";
const BOB: &str = "@bob:localhost";

fn texts(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

fn event(kind: Kind, sender: &str, body: &str) -> Event {
    Event {
        id: format!("${sender} {body}"),
        kind,
        sender: sender.to_owned(),
        body: body.to_owned(),
    }
}

fn said(sender: &str, body: &str) -> Event {
    event(Kind::Text, sender, body)
}

fn entry(id: &str, sender: &str, body: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        sender: sender.to_owned(),
        body: body.to_owned(),
        ..Entry::default()
    }
}

fn reply(text: &str) -> Reply {
    Reply {
        event_id: said(ALICE, text).id,
        texts: vec![text.to_owned()],
        ..Reply::default()
    }
}

/// The visitor said `a` and `b`, Alice `r1` and `r2`; and Bob came when `b` had been said.
fn history() -> (Conversation, Room) {
    let conversation = Conversation {
        session_id: "s".to_owned(),
        token: "t".to_owned(),
        promised: texts("a b"),
        uncertain: texts("u"),
        closed: false,
        seen: vec![
            entry("1", "visitor", "a"),
            entry("2", "staff", "r1"),
            entry("3", "visitor", "b"),
            entry("4", "staff", "r2"),
        ],
        delivery: ["a", "b"]
            .map(|text| (text.to_owned(), "delivered".to_owned()))
            .into(),
    };
    let events = vec![
        event(Kind::Joined, ALICE, ALICE),
        said(BOT, "a"),
        said(ALICE, "r1"),
        said(BOT, "b"),
        event(Kind::Joined, BOB, BOB),
        event(
            Kind::Notice,
            BOT,
            "Before:\nVisitor: a\nalice: r1\nVisitor: b",
        ),
        said(ALICE, "r2"),
    ];
    let room = Room {
        id: "!1".to_owned(),
        views: vec![events.clone(), events[4..].to_vec()],
        replies: vec![reply("r1"), reply("r2")],
        commands: Vec::new(),
        put_out: false,
        events,
    };
    (conversation, room)
}

fn judged(conversation: &Conversation, rooms: &[Room]) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.judge(conversation, BOT, rooms);
    verdict
}

/// What is found when the room is changed in some way, for everybody who is in it.
fn in_room(change: impl Fn(&mut Vec<Event>)) -> Verdict {
    let (conversation, mut room) = history();
    change(&mut room.events);
    room.views.iter_mut().for_each(change);
    judged(&conversation, &[room])
}

/// What is found when something else was shown.
fn in_polls(change: impl FnOnce(&mut Conversation)) -> Verdict {
    let (mut conversation, room) = history();
    change(&mut conversation);
    judged(&conversation, &[room])
}

/// With one finding, and no other.
fn one(finding: impl FnOnce(&mut Verdict)) -> Verdict {
    let mut verdict = Verdict {
        sessions: 1,
        visitor_texts: 2,
        staff_texts: 2,
        ..Verdict::default()
    };
    finding(&mut verdict);
    verdict
}

#[test]
fn a_command_is_answered_once() {
    let answered = |answers: usize, put_out: bool| {
        let (conversation, mut room) = history();
        room.commands = texts("$help");
        room.put_out = put_out;
        let answer = event(Kind::Answer("$help".to_owned()), BOT, "the commands are");
        room.events.extend(vec![answer; answers]);
        judged(&conversation, &[room]).answers
    };
    assert_eq!(answered(1, false), Findings::default());
    assert_eq!(answered(0, false).lost, ["$help"]);
    assert_eq!(answered(2, false).doubled, ["$help"]);
    assert_eq!(answered(0, true), Findings::default());
}

#[test]
fn a_history_in_which_all_is_well_has_no_findings() {
    let (conversation, room) = history();
    let verdict = judged(&conversation, &[room]);
    assert!(verdict.is_flawless());
    assert_eq!(verdict, one(|_| {}));
}

#[test]
fn each_direction_is_judged() {
    let verdict = in_room(|events| {
        events.retain(|event| event.body != "b" && event.kind != Kind::Notice);
    });
    assert_eq!(verdict.to_rooms.lost, ["b"]);

    let verdict = in_polls(|it| drop(it.seen.pop()));
    assert_eq!(verdict, one(|it| it.to_visitors.lost = texts("r2")));

    let verdict = in_polls(|it| it.seen.swap(0, 2));
    assert_eq!(verdict, one(|it| it.own.out_of_order = texts("a")));
}

#[test]
fn a_text_that_no_member_of_the_staff_can_see_is_lost() {
    let (conversation, mut room) = history();
    // The bot alone is in the room.
    room.views.clear();
    room.events.retain(|event| event.kind != Kind::Notice);
    let verdict = judged(&conversation, &[room]);
    assert_eq!(verdict, one(|it| it.to_rooms.lost = texts("a b")));

    let (conversation, mut room) = history();
    // Whoever is in it came too late, and was not told.
    room.views = vec![room.events[6..].to_vec()];
    let verdict = judged(&conversation, &[room]);
    assert_eq!(verdict.to_rooms.lost, ["a", "b"]);
}

#[test]
fn a_text_whose_answer_was_lost_may_be_there_and_a_refused_one_may_not() {
    for (body, flawless) in [("u", true), ("refused", false)] {
        let verdict = in_room(|events| events.push(said(BOT, body)));
        assert_eq!(verdict.is_flawless(), flawless, "{verdict:?}");
    }
}

#[test]
fn a_closed_conversation_shows_a_beginning() {
    let closed = |conversation: &mut Conversation| {
        conversation.closed = true;
        conversation.seen.pop();
    };
    assert!(in_polls(closed).is_flawless());
    let gap = |conversation: &mut Conversation| {
        conversation.closed = true;
        conversation.seen.remove(1);
    };
    assert_eq!(in_polls(gap).to_visitors.lost, ["r1"]);
}

/// `r1` was edited in the room, and what polls show of it is `shown`.
fn edited(shown: &[Entry]) -> Verdict {
    let (mut conversation, mut room) = history();
    let edit = event(Kind::Edit(said(ALICE, "r1").id), ALICE, "r1, edited");
    room.events.push(edit);
    room.replies[0].texts.push("r1, edited".to_owned());
    conversation.seen.extend_from_slice(shown);
    judged(&conversation, &[room])
}

/// An entry that replaces `r1`, or its replacement.
fn instead(body: &str, replaces: &str) -> Entry {
    Entry {
        replaces: Some(replaces.to_owned()),
        removed: body.is_empty(),
        ..entry("5", "staff", body)
    }
}

#[test]
fn an_edit_that_is_not_shown_is_noticed() {
    assert!(edited(&[instead("r1, edited", "2")]).is_flawless());
    assert_eq!(edited(&[]), one(|it| it.stale = texts("r1")));
    let wrong = edited(&[instead("r1, edited", "4")]);
    assert_eq!(wrong, one(|it| it.stale = texts("r1 r2")));
    let stray = edited(&[instead("r1, edited", "2"), instead("of nothing", "9")]);
    assert_eq!(stray.stale, ["of nothing"]);
}

#[test]
fn a_deletion_that_is_not_shown_is_noticed() {
    let deleted = |shown: &[Entry], never_shown: bool| {
        let (mut conversation, mut room) = history();
        room.events[2].kind = Kind::Deleted;
        room.replies[0].deleted = true;
        if never_shown {
            conversation.seen.remove(1);
        }
        conversation.seen.extend_from_slice(shown);
        judged(&conversation, &[room])
    };
    assert!(deleted(&[instead("", "2")], false).is_flawless());
    assert!(deleted(&[], true).is_flawless());
    assert_eq!(deleted(&[], false), one(|it| it.stale = texts("r1")));
}

/// What is found when the notice for Bob reads so.
fn told(notice: &str) -> Verdict {
    in_room(|events| {
        for event in events.iter_mut().filter(|it| it.kind == Kind::Notice) {
            notice.clone_into(&mut event.body);
        }
    })
}

#[test]
fn a_recap_that_leaves_something_out_is_noticed() {
    let verdict = told("Visitor: a\nVisitor: b");
    assert_eq!(verdict, one(|it| it.recaps.lost = texts("r1")));
    let verdict = in_room(|events| events.retain(|event| event.kind != Kind::Notice));
    assert_eq!(verdict, one(|it| it.recaps.lost = texts("a b r1")));
}

#[test]
fn what_was_said_after_the_end_need_not_be_told() {
    let (mut conversation, mut room) = history();
    let without = |notice: &mut Event| notice.body = notice.body.replace("alice: r1\n", "");
    without(&mut room.events[5]);
    without(&mut room.views[0][5]);
    without(&mut room.views[1][1]);
    let recaps_lost = |conversation: &Conversation, room: &Room| {
        judged(conversation, std::slice::from_ref(room)).recaps.lost
    };
    assert_eq!(recaps_lost(&conversation, &room), ["r1"]);
    conversation.closed = true;
    assert_eq!(recaps_lost(&conversation, &room), ["r1"], "it was shown");
    conversation.seen.retain(|entry| entry.body != "r1");
    assert!(recaps_lost(&conversation, &room).is_empty());
}

#[test]
fn a_recap_that_tells_something_twice_or_in_disorder_is_noticed() {
    // The newest may stand at the top as well.
    assert!(told("Newest: b\nVisitor: a\nalice: r1\nVisitor: b").is_flawless());
    let verdict = told("Visitor: a\nVisitor: a\nalice: r1\nVisitor: b");
    assert_eq!(verdict, one(|it| it.recaps.doubled = texts("a")));
    let verdict = told("Visitor: b\nalice: r1\nVisitor: a");
    assert_eq!(verdict, one(|it| it.recaps.out_of_order = texts("a")));
}

#[test]
fn a_recap_of_what_everybody_can_see_is_noticed() {
    let verdict = in_room(|events| events.push(event(Kind::Notice, BOT, "alice: r2")));
    assert_eq!(verdict, one(|it| it.recaps.doubled = texts("r2")));
    // Told again to Bob.
    let verdict = in_room(|events| events.push(event(Kind::Notice, BOT, "Visitor: a")));
    assert_eq!(verdict, one(|it| it.recaps.doubled = texts("a")));
}

#[test]
fn a_text_that_is_not_called_delivered_is_noticed() {
    let verdict = in_polls(|it| drop(it.delivery.insert("b".to_owned(), "pending".to_owned())));
    assert_eq!(verdict, one(|it| it.undelivered = texts("b")));
    let verdict = in_polls(|it| drop(it.delivery.remove("a")));
    assert_eq!(verdict, one(|it| it.undelivered = texts("a")));
}

#[test]
fn a_second_room_is_noticed_unless_the_bot_was_put_out_of_the_first() {
    let (conversation, room) = history();
    let second = Room {
        id: "!2".to_owned(),
        ..Room::default()
    };
    let verdict = judged(&conversation, &[second.clone(), room]);
    assert_eq!(verdict, one(|it| it.extra_rooms = texts("!1")));

    // The first is gone, with all that was in it.
    let gone = Room {
        id: "!1".to_owned(),
        replies: vec![reply("r1"), reply("r2")],
        put_out: true,
        ..Room::default()
    };
    let told = event(
        Kind::Notice,
        BOT,
        "Visitor: a\nalice: r1\nVisitor: b\nalice: r2",
    );
    let events = vec![event(Kind::Joined, ALICE, ALICE), told];
    let second = Room {
        events: events.clone(),
        views: vec![events],
        ..second
    };
    let verdict = judged(&conversation, &[gone.clone(), second.clone()]);
    assert_eq!(verdict, one(|_| {}));

    let untold = Room {
        views: vec![second.events[..1].to_vec()],
        events: second.events[..1].to_vec(),
        ..second.clone()
    };
    let verdict = judged(&conversation, &[gone.clone(), untold]);
    assert_eq!(verdict.to_rooms.lost, ["a", "b"]);
    assert_eq!(verdict.recaps.lost, ["a", "b", "r1", "r2"]);

    let verdict = judged(&conversation, &[gone]);
    assert_eq!(verdict.to_rooms.lost, ["a", "b"]);
}
