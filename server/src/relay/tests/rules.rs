//! The relay's rules, one by one.

use std::time::Duration;

use chrono::TimeDelta;
use matrix_sdk::ruma::api::error::ErrorKind;
use tokio::time::{self, Instant};
use uuid::Uuid;

use super::{
    model::DatabaseFate,
    oracle,
    stage::{BOT, STAFF, Server, Stage},
};
use crate::{
    clock::Dice,
    matrix::homeserver::{
        RoomMarker,
        fake::{Encrypts, Fate, refusal},
    },
    storage::staff_members::Membership,
};

/// A conversation in which "one" was delivered, and the server that did it.
async fn after_one_message() -> (Stage, Server, Uuid) {
    let stage = Stage::new();
    let server = stage.start();
    let session_id = stage.begin_session(&server, None, "one");
    stage.settle().await;
    (stage, server, session_id)
}

#[tokio::test(start_paused = true)]
async fn a_conversation_gets_a_room_with_the_staff_and_what_was_written_in_order() {
    let stage = Stage::new();
    let server = stage.start();
    let session_id = stage.begin_session(&server, Some("Ada"), "one");
    for text in ["two", "three", "four"] {
        stage.write(&server, session_id, text);
    }
    stage.settle().await;
    assert_eq!(stage.texts(session_id), ["one", "two", "three", "four"]);
    assert_eq!(oracle::judge(&stage, session_id, 0), Ok(()));
    let notices = stage
        .homeserver
        .bodies(&stage.room_of(session_id), "m.notice");
    assert_eq!(notices, ["Visitor:\n> Ada"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_whose_making_was_not_answered_is_found_again() {
    let stage = Stage::new();
    let server = stage.start();
    stage.homeserver.decide(|call| match call.name {
        "create_room" => Fate::AnswerLost {
            after: Duration::from_secs(30),
        },
        _ => Fate::PROMPT,
    });
    let session_id = stage.begin_session(&server, None, "one");
    stage.settle().await;
    assert_eq!(oracle::judge(&stage, session_id, 0), Ok(()));
    assert_eq!(stage.homeserver.calls("create_room").len(), 1);
}

/// The claim expires when the clock of Postgres is set forwards, and the server that claims the task then does not know
/// that the room was asked for.
#[tokio::test(start_paused = true)]
async fn a_server_whose_claim_was_taken_over_does_not_ask_for_the_room() {
    let stage = Stage::new();
    stage.homeserver.decide(|call| Fate::Answered {
        each_way: Duration::from_millis(match call.name {
            "create_room" => 2_000,
            "joined_rooms" => 1_500,
            _ => 1,
        }),
    });
    let slow = stage.start_with(Dice::seeded(2), || {
        DatabaseFate::Committed(Duration::from_millis(700))
    });
    let session_id = stage.begin_session(&slow, None, "one");
    stage.database().step_clock(TimeDelta::hours(1));
    let other = stage.start();
    stage.settle().await;
    assert_eq!(stage.homeserver.calls("create_room").len(), 1);
    assert_eq!(oracle::judge(&stage, session_id, 0), Ok(()));
    drop((slow, other));
}

#[tokio::test(start_paused = true)]
async fn a_room_that_was_never_made_is_asked_for_again_after_a_minute() {
    let stage = Stage::new();
    let server = stage.start();
    let mut asked = 0;
    stage.homeserver.decide(move |call| {
        asked += usize::from(call.name == "create_room");
        match (call.name, asked) {
            ("create_room", 1) => Fate::RequestLost,
            _ => Fate::PROMPT,
        }
    });
    let began = Instant::now();
    let session_id = stage.begin_session(&server, None, "one");
    stage.settle().await;
    assert_eq!(oracle::judge(&stage, session_id, 0), Ok(()));
    assert!(began.elapsed() >= Duration::from_mins(1));
    assert!(began.elapsed() < Duration::from_mins(3));
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_be_invited_keeps_nobody_else_and_no_message_waiting() {
    let stage = Stage::new();
    let server = stage.start();
    stage.homeserver.decide(|call| {
        let is_refused = call.name == "invite" && call.about == STAFF[0];
        if is_refused {
            Fate::Refused(refusal(403, ErrorKind::Forbidden))
        } else {
            Fate::PROMPT
        }
    });
    let began = Instant::now();
    let session_id = stage.begin_session(&server, None, "one");
    stage.settle().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(stage.texts(session_id), ["one"]);
    let membership = |user_id| stage.database().membership(session_id, user_id);
    assert_eq!(membership(STAFF[0]), Some(Membership::Wanted));
    assert_eq!(membership(STAFF[1]), Some(Membership::Invited));
    stage.homeserver.decide(|_| Fate::PROMPT);
    time::sleep(Duration::from_mins(2)).await;
    assert_eq!(oracle::judge(&stage, session_id, 0), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_homeserver_that_wants_to_be_left_alone_for_days_is_asked_again_after_five_minutes() {
    let (stage, server, session_id) = after_one_message().await;
    let mut asked = 0;
    stage.homeserver.decide(move |call| {
        asked += usize::from(call.name == "send_message");
        match (call.name, asked) {
            ("send_message", 1) => Fate::busy(Duration::from_hours(48)),
            _ => Fate::PROMPT,
        }
    });
    let began = Instant::now();
    stage.write(&server, session_id, "two");
    stage.settle().await;
    assert_eq!(stage.texts(session_id), ["one", "two"]);
    let waited = began.elapsed();
    assert!(
        waited >= Duration::from_mins(5) && waited < Duration::from_mins(6),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_room_is_replaced_by_one_that_is_told_what_was_said() {
    let (stage, server, session_id) = after_one_message().await;
    let lost = stage.room_of(session_id);
    stage.homeserver.put_bot_out(&lost);
    stage.write(&server, session_id, "two");
    stage.settle().await;
    assert_ne!(stage.room_of(session_id), lost);
    assert_eq!(stage.texts(session_id), ["two"]);
    assert_eq!(oracle::judge(&stage, session_id, 1), Ok(()));
    let notices = stage
        .homeserver
        .bodies(&stage.room_of(session_id), "m.notice");
    assert!(notices[0].contains("> one"), "{notices:?}");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_the_homeserver_refuses_for_good_fails_alone() {
    let (stage, server, session_id) = after_one_message().await;
    let mut sent = 0;
    stage.homeserver.decide(move |call| {
        sent += usize::from(call.name == "send_message");
        match (call.name, sent) {
            ("send_message", 1) => Fate::Refused(refusal(413, ErrorKind::TooLarge)),
            _ => Fate::PROMPT,
        }
    });
    stage.write(&server, session_id, "too long");
    stage.write(&server, session_id, "three");
    stage.settle().await;
    assert_eq!(stage.texts(session_id), ["one", "three"]);
    let messages = stage.database().messages(session_id);
    let deliveries: Vec<_> = messages.iter().map(|it| it.delivery).collect();
    assert_eq!(deliveries, ["delivered", "failed", "delivered"]);
    let notices = stage
        .homeserver
        .bodies(&stage.room_of(session_id), "m.notice");
    assert!(notices[0].contains("could not be delivered"), "{notices:?}");
}

#[tokio::test(start_paused = true)]
async fn a_homeserver_that_encrypts_private_rooms_gives_one_that_is_not() {
    let stage = Stage::new();
    stage.homeserver.encrypt(Encrypts::PrivateRooms);
    let server = stage.start();
    let session_id = stage.begin_session(&server, None, "one");
    stage.settle().await;
    assert_eq!(stage.texts(session_id), ["one"]);
    let made = stage.homeserver.rooms_of(RoomMarker::Session(session_id));
    assert_eq!(made.len(), 2);
    assert_eq!(stage.homeserver.rooms_of_bot(), [stage.room_of(session_id)]);
    let second = stage.begin_session(&server, None, "one");
    stage.settle().await;
    let made = stage.homeserver.rooms_of(RoomMarker::Session(second));
    assert_eq!(made.len(), 1, "the first has taught it");
}

#[tokio::test(start_paused = true)]
async fn a_homeserver_that_encrypts_every_room_is_not_asked_for_many() {
    let stage = Stage::new();
    stage.homeserver.encrypt(Encrypts::AllRooms);
    let server = stage.start();
    let session_id = stage.begin_session(&server, None, "one");
    time::sleep(Duration::from_mins(4)).await;
    let made = stage.homeserver.rooms_of(RoomMarker::Session(session_id));
    assert_eq!(made.len(), 2);
    assert!(stage.homeserver.rooms_of_bot().is_empty());
    stage.homeserver.encrypt(Encrypts::Nothing);
    stage.settle().await;
    assert_eq!(stage.texts(session_id), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_server_had_claimed_is_sent_once_by_another() {
    let (stage, server, session_id) = after_one_message().await;
    stage.homeserver.decide(|_| Fate::Answered {
        each_way: Duration::from_secs(2),
    });
    stage.write(&server, session_id, "two");
    stage.write(&server, session_id, "three");
    time::sleep(Duration::from_secs(3)).await;
    server.kill();
    let other = stage.start();
    stage.settle().await;
    assert_eq!(stage.texts(session_id), ["one", "two", "three"]);
    drop(other);
}

/// The servers go on when Postgres has crashed: what they record next must not overtake what Postgres has forgotten.
#[tokio::test(start_paused = true)]
async fn ends_that_the_database_forgot_do_not_change_the_order_in_a_new_room() {
    let (stage, server, session_id) = after_one_message().await;
    stage.homeserver.decide(|_| Fate::Answered {
        each_way: Duration::from_millis(500),
    });
    for text in ["two", "three", "four", "five"] {
        stage.write(&server, session_id, text);
    }
    // The end of "three" was recorded, and no later claim or renewal has brought it to the disk.
    time::sleep(Duration::from_millis(2_200)).await;
    let delivered = |stage: &Stage| {
        let messages = stage.database().messages(session_id);
        let delivered = messages.iter().filter(|it| it.delivery == "delivered");
        delivered.count()
    };
    assert_eq!(delivered(&stage), 3);
    stage.database().crash();
    assert_eq!(delivered(&stage), 2, "the end of the third is forgotten");
    // "four" has reached the room by now, and "five" does not.
    time::sleep(Duration::from_secs(1)).await;
    let room_id = stage.room_of(session_id);
    let in_old_room = stage.homeserver.bodies(&room_id, "m.text");
    assert_eq!(in_old_room, ["one", "two", "three", "four"]);
    stage.homeserver.put_bot_out(&room_id);
    stage.settle().await;
    assert_eq!(stage.texts(session_id), ["three", "four", "five"]);
    assert_eq!(oracle::judge(&stage, session_id, 1), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_told_to_end_finishes_what_is_under_way() {
    let (stage, server, session_id) = after_one_message().await;
    stage.homeserver.decide(|_| Fate::Answered {
        each_way: Duration::from_secs(2),
    });
    stage.write(&server, session_id, "two");
    time::sleep(Duration::from_secs(1)).await;
    server.stop();
    time::sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.texts(session_id), ["one", "two"]);
    let messages = stage.database().messages(session_id);
    assert!(messages.iter().all(|it| it.delivery == "delivered"));
}

#[tokio::test(start_paused = true)]
async fn the_rooms_name_says_whether_the_conversation_has_ended() {
    let stage = Stage::new();
    let server = stage.start();
    let session_id = stage.begin_session(&server, Some("Ada"), "one");
    stage.settle().await;
    let name = || {
        let timeline = stage.homeserver.timeline(&stage.room_of(session_id));
        let names = timeline.iter().rev();
        let mut names = names.filter(|event| event.event_type == "m.room.name");
        let name = names.next().and_then(|event| event.str_at("/name"));
        name.expect("the room has a name").to_owned()
    };
    assert!(name().starts_with("Ada"), "{}", name());
    for (is_open, mark) in [(false, "✓ Ada"), (true, "Ada")] {
        stage.database().set_open(session_id, is_open);
        stage.settle().await;
        assert!(name().starts_with(mark), "{}", name());
    }
    let room_id = stage.room_of(session_id);
    for (words, is_open, expected) in [
        ("VIP Ada", false, "✓ VIP Ada"),
        ("", false, "✓ Ada · website · K7F2"),
        ("✓ ", true, "Ada · website · K7F2"),
        ("", true, ""),
    ] {
        stage.homeserver.rename(&room_id, words);
        stage.database().set_open(session_id, is_open);
        stage.settle().await;
        assert_eq!(name(), expected, "after {words:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_bot_says_of_its_own_keeps_its_place_among_the_texts() {
    let stage = Stage::new();
    let server = stage.start();
    let session_id = stage.begin_session(&server, None, "one");
    stage.say(session_id, "a notice");
    stage.write(&server, session_id, "two");
    stage.settle().await;
    let timeline = stage.homeserver.timeline(&stage.room_of(session_id));
    let messages = timeline
        .iter()
        .filter(|event| event.event_type == "m.room.message" && event.sender == BOT);
    let bodies: Vec<_> = messages.filter_map(|event| event.str_at("/body")).collect();
    assert_eq!(bodies, ["one", "a notice", "two"]);
}

#[tokio::test(start_paused = true)]
async fn an_erased_conversation_leaves_no_word_of_the_visitor_in_the_room() {
    let stage = Stage::new();
    let server = stage.start();
    let session_id = stage.begin_session(&server, Some("Ada"), "one");
    for text in ["two", "three", "four", "five", "six", "seven"] {
        stage.write(&server, session_id, text);
    }
    stage.settle().await;
    let room_id = stage.room_of(session_id);
    stage.homeserver.rename(&room_id, "VIP Ada");
    for invited in ["@carol:fake", "@dave:fake"] {
        stage.homeserver.set_membership(&room_id, invited, "invite");
    }
    stage.homeserver.set_membership(&room_id, STAFF[0], "join");
    // The homeserver is sometimes busy, so the erasure continues where it was interrupted. It refuses to withdraw one
    // invitation.
    let (mut redactions, mut removals) = (0, 0);
    stage.homeserver.decide(move |call| {
        redactions += usize::from(call.name == "redact");
        removals += usize::from(call.name == "remove");
        match call.name {
            "redact" if redactions % 3 == 0 => Fate::busy(Duration::from_millis(100)),
            "remove" if removals == 1 => Fate::busy(Duration::from_millis(100)),
            "remove" if call.about == "@dave:fake" => {
                Fate::Refused(refusal(403, ErrorKind::Forbidden))
            }
            _ => Fate::PROMPT,
        }
    });
    stage.database().erase(session_id);
    stage.say(session_id, "erased");
    stage.settle().await;
    let timeline = stage.homeserver.timeline(&room_id);
    let words = timeline
        .iter()
        .filter_map(|event| event.str_at("/body").or(event.str_at("/name")));
    assert_eq!(
        words.collect::<Vec<_>>(),
        ["✓ Visitor · website · K7F2", "erased"]
    );
    // The invitations show the old name.
    let membership = |user_id| stage.homeserver.membership_of(&room_id, user_id);
    for (user_id, expected) in [
        (STAFF[0], "join"),
        (STAFF[1], "leave"),
        ("@carol:fake", "leave"),
        ("@dave:fake", "invite"),
    ] {
        assert_eq!(membership(user_id).as_deref(), Some(expected), "{user_id}");
    }
}
