//! The fuzz target: reads any bytes as a formatted text, as a whole answer to `/sync`, and as a page of history, plans
//! what to store, and checks that it can be stored and shown.
//!
//! The checks are written without the patterns that they check.

use url::Url;

use crate::{
    answer,
    bounds::{MAX_ID_BYTES, MAX_TEXT_BYTES, MAX_TOKEN_BYTES, storable_text},
    event::RoomEvent,
    formatted_text::Formatted,
    plan::{Planner, Step},
};

const SERVER: &str = "localhost";

/// Reads the bytes.
///
/// # Panics
///
/// Panics when the results could not be stored or shown.
#[must_use]
pub fn take_in(bytes: &[u8]) -> Vec<Step> {
    let bot = format!("@supportbot:{SERVER}");
    let planner = Planner::new(&bot, [format!("@staff:{SERVER}")]);
    let markup = Formatted::read(&String::from_utf8_lossy(bytes));
    assert_visible(&planner.visible(&storable_text(&markup.text)));
    let mut steps = Vec::new();
    if let Ok(page) = answer::history(bytes) {
        page.end.as_deref().inspect(|token| assert_token(token));
        steps.extend(plan(&planner, &page.events));
    }
    if let Ok(sync) = answer::sync(bytes) {
        assert_token(&sync.next_batch);
        for room in sync.rooms {
            assert_id(&room.room_id);
            room.gap_from
                .as_deref()
                .inspect(|token| assert_token(token));
            steps.extend(plan(&planner, &room.events));
        }
    }
    steps
}

fn plan(planner: &Planner, events: &[RoomEvent]) -> Vec<Step> {
    let mut steps = Vec::new();
    for event in events {
        assert_id(&event.event_id);
        assert_id(&event.sender);
        assert!(event.written_at().is_none_or(|at| at.timestamp() >= 0));
        let step = planner.step(event);
        assert_eq!(step.is_none(), planner.is_nothing(event));
        for id in [event.refers_to(), event.thread_root()] {
            id.inspect(|id| assert_id(id));
        }
        step.as_ref().inspect(|step| assert_storable(step));
        assert_survives(planner, event, step.as_ref());
        steps.extend(step);
    }
    steps
}

fn assert_storable(step: &Step) {
    match step {
        Step::Show(text) => {
            assert_visible(text);
            assert!(!begins_like_a_command(text), "{text:?} is for the bot");
        }
        Step::Change {
            of,
            text,
            text_of_reply,
        } => {
            assert_id(of);
            assert_visible(text);
            text_of_reply
                .as_deref()
                .inspect(|text| assert_visible(text));
        }
        Step::TakeAway(of) | Step::KeepUnchanged { of, .. } => assert_id(of),
        Step::Recap(user_id) => assert_id(user_id),
        Step::CheckName(name) => assert!(!name.contains('\0'), "{name:?}"),
        Step::Internal | Step::Command(_) | Step::RefuseCommand(_) | Step::TellNotShown(_) => {}
    }
}

/// Checks that an event has the same meaning after it was set aside as JSON.
fn assert_survives(planner: &Planner, event: &RoomEvent, step: Option<&Step>) {
    let json = event.to_json().unwrap_or_default();
    assert!(!json.contains('\0'));
    let kept = RoomEvent::from_json(&json).ok();
    assert!(
        kept.as_ref()
            .is_some_and(|kept| kept.event_id == event.event_id)
    );
    assert_eq!(kept.and_then(|kept| planner.step(&kept)).as_ref(), step);
}

fn assert_id(id: &str) {
    assert!(
        !id.is_empty() && id.len() <= MAX_ID_BYTES && !id.contains('\0'),
        "{id:?}"
    );
}

fn assert_token(token: &str) {
    assert!(
        !token.is_empty() && token.len() <= MAX_TOKEN_BYTES && !token.contains('\0'),
        "{token:?}"
    );
}

/// Checks that a visitor may read the text.
///
/// # Panics
///
/// Panics when it cannot be stored, or contains an id or an address.
pub fn assert_visible(text: &str) {
    assert!(
        text.len() <= MAX_TEXT_BYTES && !text.contains('\0'),
        "not storable"
    );
    assert!(!names_somebody(text), "{text:?} has an id in it");
    let lower = text.to_ascii_lowercase();
    for address in [
        "matrix://u/",
        "https://matrix.to/",
        "matrix:u/",
        "matrix:roomid/",
        "matrix:r/",
    ] {
        assert!(!has_word(&lower, address), "{text:?} has {address} in it");
    }
    assert!(!leads_to_matrix(text), "{text:?} leads to matrix.to");
}

/// Whether a browser finds an address of `matrix.to` in the text.
fn leads_to_matrix(text: &str) -> bool {
    let ends = |it: char| it.is_whitespace() || "<>\"'()[]{}|=&,;!*`…".contains(it);
    text.match_indices("http").any(|(at, _)| {
        let address = text[at..].split(ends).next().unwrap_or_default();
        Url::parse(address).is_ok_and(|url| {
            let host = url.host_str().unwrap_or_default().trim_end_matches('.');
            host == "matrix.to" && (url.path().len() > 1 || url.fragment().is_some())
        })
    })
}

/// Whether a reader sees a `!` first, and a word somewhere after it.
pub fn begins_like_a_command(text: &str) -> bool {
    let mut seen = text.chars().skip_while(|it| {
        it.is_whitespace()
            || it.is_control()
            || matches!(u32::from(*it), 0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e
                | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff | 0xe0000..=0xe0fff)
    });
    matches!(seen.next(), Some('!' | '\u{ff01}')) && seen.any(char::is_alphanumeric)
}

fn has_word(text: &str, part: &str) -> bool {
    text.match_indices(part).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|before| before.is_whitespace() || matches!(before, '(' | '<' | '"'))
    })
}

/// Whether the text contains an id of the homeserver `localhost`, or an event's or a room's without a server.
fn names_somebody(text: &str) -> bool {
    let named = text
        .split(|it: char| it.is_whitespace() || it == '…')
        .any(names_own_id);
    let opaque = text.match_indices(['!', '$']).any(|(at, _)| {
        let id = text[at + 1..].chars();
        let is_base64 = |it: &char| it.is_ascii_alphanumeric() || "+/-_".contains(*it);
        id.take_while(is_base64).count() >= 43
    });
    named || opaque
}

/// Whether a word contains an id of the homeserver `localhost`: any sigil, with something after it. The sigil of an
/// alias also begins an address's fragment; a slash tells the two apart.
fn names_own_id(word: &str) -> bool {
    let places = |characters: [char; 4]| -> Vec<usize> {
        word.match_indices(characters).map(|(at, _)| at).collect()
    };
    let (sigils, slashes) = (places(['@', '!', '#', '$']), places(['/'; 4]));
    let last_before = |places: &[usize], end: usize| {
        let count = places.partition_point(|at| *at < end);
        count.checked_sub(1).map(|last| places[last])
    };
    word.match_indices(&format!(":{SERVER}")).any(|(end, _)| {
        last_before(&sigils, end).is_some_and(|sigil| {
            let has_slash = last_before(&slashes, end).is_some_and(|slash| slash > sigil);
            sigil + 1 < end && !(word[sigil..].starts_with('#') && has_slash)
        })
    })
}
