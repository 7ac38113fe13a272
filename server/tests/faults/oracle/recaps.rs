//! The parts of a conversation that members of the staff can see, and the recaps for them.

use std::collections::HashSet;

use super::{Findings, Room};
use crate::room::{Event, Kind};

/// Whether a member of the staff can see this text in one of the rooms, as the original or quoted by the bot.
pub(super) fn is_seen(rooms: &[Room], bot: &str, text: &str) -> bool {
    let mut events = rooms.iter().flat_map(|room| &room.views).flatten();
    events.any(|event| event.sender == bot && (event.says(text) || event.quotes(text) > 0))
}

/// Judges a room's recaps of these texts: a member who joined too late to see a text gets it once, in order, and nobody
/// gets a text that they can see. `moved`: the room replaces another one, whose texts were repeated before anybody
/// joined.
pub(super) fn judge(room: &Room, bot: &str, texts: &[String], moved: bool) -> Findings {
    let mut findings = Findings::default();
    let notices: Vec<&Event> = room
        .events
        .iter()
        .filter(|event| event.kind == Kind::Notice && event.sender == bot)
        .collect();
    let former = joined(room, bot).len().saturating_sub(room.views.len());
    for text in texts {
        let blind = room.views.iter().filter(|view| !sees(view, text));
        let untold = blind.clone().filter(|view| !is_told(view, bot, text));
        findings.lost.extend(untold.map(|_| text.clone()));
        let told = notices.iter().filter(|event| event.quotes(text) > 0);
        let most = blind.count() + former + usize::from(moved);
        if told.count() > most {
            findings.doubled.push(text.clone());
        }
    }
    for notice in notices {
        let mut told = texts.iter().filter(|text| notice.quotes(text) > 0);
        // The newest text may also come first.
        let newest = told.clone().next_back();
        findings.doubled.extend(
            told.clone()
                .filter(|text| notice.quotes(text) > 1 + usize::from(Some(*text) == newest))
                .cloned(),
        );
        let places = told.clone().map(|text| notice.quoted_at(text));
        if !places.is_sorted() {
            findings.out_of_order.extend(told.next().cloned());
        }
    }
    findings
}

fn sees(view: &[Event], text: &str) -> bool {
    view.iter().any(|event| event.says(text))
}

fn is_told(view: &[Event], bot: &str, text: &str) -> bool {
    view.iter()
        .any(|event| event.sender == bot && event.quotes(text) > 0)
}

/// Everybody except the bot who was ever in a room.
fn joined<'a>(room: &'a Room, bot: &str) -> HashSet<&'a str> {
    let joined = room
        .events
        .iter()
        .filter(|event| event.kind == Kind::Joined && event.body != bot);
    joined.map(|event| event.body.as_str()).collect()
}
