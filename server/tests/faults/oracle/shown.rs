//! What polls showed of the staff's, once every edit and deletion has been applied.

use std::collections::HashMap;

use crate::api::Entry;

/// A place in what a visitor sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// What was shown there first.
    pub(super) first: String,
    /// What is shown there now; nothing when it was removed.
    pub(super) now: Option<String>,
}

/// The places, in order; and changes of what was never shown.
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
