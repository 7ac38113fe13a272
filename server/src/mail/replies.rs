//! Determines the replies among the entries that a visitor has not fetched, with edits and
//! deletions applied.

use std::collections::HashMap;

use uuid::Uuid;

use crate::storage::mail::outbox::Unfetched;

/// The unfetched replies.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replies {
    /// Their current texts, oldest first.
    pub(super) texts: Vec<String>,
    /// The newest of the entries.
    pub(super) up_to: i64,
}

impl Replies {
    /// The replies among these entries, which are sorted from the oldest. An edit of a text that
    /// was fetched is not a reply, because nobody is mailed for a corrected typing error.
    pub(super) fn of(entries: Vec<Unfetched>) -> Self {
        let mut texts: Vec<Option<String>> = Vec::new();
        let mut places = HashMap::<Uuid, usize>::new();
        let mut up_to = 0;
        for entry in entries {
            up_to = entry.seq;
            let place = match entry.replaces {
                None => {
                    texts.push(None);
                    texts.len() - 1
                }
                Some(replaced) => match places.get(&replaced) {
                    Some(&place) => place,
                    None => continue,
                },
            };
            places.insert(entry.id, place);
            if let Some(text) = texts.get_mut(place) {
                *text = (!entry.removed).then_some(entry.body);
            }
        }
        Self {
            texts: texts.into_iter().flatten().collect(),
            up_to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: i64, body: &str, replaces: Option<u128>) -> Unfetched {
        Unfetched {
            id: Uuid::from_u128(n.unsigned_abs().into()),
            seq: n,
            body: body.to_owned(),
            replaces: replaces.map(Uuid::from_u128),
            removed: body.is_empty(),
        }
    }

    #[test]
    fn replies_are_as_they_are_now() {
        let replies = Replies::of(vec![
            entry(5, "Hi, we aer", None),
            entry(6, "second", None),
            entry(7, "Hi, we are", Some(5)),
            entry(8, "third", None),
            entry(9, "third, mended", Some(8)),
            entry(10, "", Some(9)),
            entry(11, "of a text that was fetched", Some(2)),
            entry(12, "and again", Some(11)),
        ]);
        assert_eq!(replies.texts, ["Hi, we are", "second"]);
        assert_eq!(replies.up_to, 12);
        assert_eq!(Replies::of(vec![]), Replies::default());
    }
}
