//! The texts of staff in polls, after every edit and deletion.

use std::collections::HashMap;

use crate::api::Entry;

/// A place in the visitor's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its first text.
    pub(super) first: String,
    /// Its current text; `None` when it was removed.
    pub(super) now: Option<String>,
}

/// The places, in order, and changes of texts that were never shown.
pub(super) fn slots(seen: &[Entry]) -> (Vec<Slot>, Vec<String>) {
    let (mut slots, mut strays) = (Vec::<Slot>::new(), Vec::new());
    let mut places = HashMap::<String, usize>::new();
    for entry in seen.iter().filter(|entry| entry.sender == "staff") {
        let now = (!entry.removed).then(|| entry.body.clone());
        let place = match &entry.replaces {
            None => {
                slots.push(Slot {
                    first: entry.body.clone(),
                    now,
                });
                slots.len() - 1
            }
            Some(replaced) => {
                let Some(&place) = places.get(replaced) else {
                    strays.push(entry.body.clone());
                    continue;
                };
                slots[place].now = now;
                place
            }
        };
        places.insert(entry.id.clone(), place);
    }
    (slots, strays)
}
