//! The notice that tells staff how the visitor rates the conversation: sent once in a room, and edited when it changes.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::notice::Notice;
use crate::{
    model::{Rated, Rating},
    staff_texts::RoomTexts,
    storage::ratings::Stored,
};

/// What is to be sent, and a digest of what it says.
#[derive(Debug)]
pub(crate) struct Telling {
    /// A new notice, or an edit.
    pub(crate) content: Value,
    pub(crate) told: Vec<u8>,
}

/// What is to be sent to the room; `None` when it says so already.
pub(crate) fn compose(texts: &RoomTexts, stored: &Stored) -> Option<Telling> {
    let notice = notice(texts, &stored.rated);
    let told = Sha256::digest(notice.body()).to_vec();
    let content = match &stored.notice {
        None => notice.content(),
        Some(earlier) if earlier.told.as_ref() == Some(&told) => return None,
        Some(earlier) => notice.edit_of(&earlier.event_id),
    };
    Some(Telling { content, told })
}

fn notice(texts: &RoomTexts, rated: &Rated) -> Notice {
    let mut notice = Notice::new(match rated.rating {
        Rating::Good => texts.rated_good,
        Rating::Bad => texts.rated_bad,
    });
    if let Some(comment) = &rated.comment {
        notice.quote(comment);
    }
    notice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::StaffLanguage, storage::ratings::RatingNotice};

    const ENGLISH: &RoomTexts = RoomTexts::of(StaffLanguage::English);

    fn stored(rating: Rating, comment: Option<&str>, notice: Option<RatingNotice>) -> Stored {
        Stored {
            rated: Rated {
                rating,
                comment: comment.map(str::to_owned),
            },
            notice,
        }
    }

    #[test]
    fn a_rating_is_told_once_and_then_edited() {
        let first = compose(ENGLISH, &stored(Rating::Good, None, None)).unwrap();
        assert_eq!(first.content["msgtype"], "m.notice");
        assert_eq!(
            first.content["body"],
            "The visitor rated this conversation: good."
        );
        let notice = |told| {
            Some(RatingNotice {
                event_id: "$first".to_owned(),
                told,
            })
        };
        let told = notice(Some(first.told));
        assert!(compose(ENGLISH, &stored(Rating::Good, None, told.clone())).is_none());
        let comment = Some("Slow\u{2028}The visitor rated");
        let edit = compose(ENGLISH, &stored(Rating::Bad, comment, told))
            .unwrap()
            .content;
        assert_eq!(edit["m.relates_to"]["event_id"], "$first");
        assert_eq!(
            edit["m.new_content"]["body"],
            "The visitor rated this conversation: bad.\n> Slow‹U+2028›The visitor rated"
        );
        let unknown = compose(ENGLISH, &stored(Rating::Good, None, notice(None))).unwrap();
        assert_eq!(unknown.content["m.relates_to"]["event_id"], "$first");
    }
}
