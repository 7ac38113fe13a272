//! The notice that tells staff who the visitor is and which page they are on: sent once in a room, and edited when it
//! changes.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::notice::Notice;
use crate::storage::{Db, details_notices, sessions::Subject};

/// What is to be sent, and what is to be recorded of it.
#[derive(Debug)]
pub(crate) struct Details {
    /// A new notice, or an edit.
    pub(crate) content: Value,
    told: Vec<u8>,
}

/// The notice; `None` when the visitor said nothing of it.
pub(super) fn notice(subject: &Subject) -> Option<Notice> {
    let mut notice = Notice::default();
    for (label, value) in [
        ("Visitor:", &subject.visitor_name),
        ("E-mail:", &subject.visitor_email),
        ("Page:", &subject.source_url),
        ("Page title:", &subject.page_title),
    ] {
        if let Some(value) = value {
            notice.say(label);
            notice.quote(value);
        }
    }
    (notice != Notice::default()).then_some(notice)
}

/// What is to be sent to the room; `None` when it says so already, or there is nothing to say.
pub(crate) async fn compose(
    pool: &Db,
    subject: &Subject,
    room_id: &str,
) -> Result<Option<Details>, sqlx::Error> {
    let Some(notice) = notice(subject) else {
        return Ok(None);
    };
    let told = Sha256::digest(notice.body()).to_vec();
    let content = match details_notices::find(pool, subject.id, room_id).await? {
        None => notice.content(),
        Some(earlier) if earlier.told.as_ref() == Some(&told) => return Ok(None),
        Some(earlier) => notice.edit_of(&earlier.event_id),
    };
    Ok(Some(Details { content, told }))
}

/// Records that the room has been told. An event of an earlier attempt may say something older.
pub(crate) async fn record(
    pool: &Db,
    subject: &Subject,
    room_id: &str,
    event_id: &str,
    details: Option<&Details>,
) -> Result<(), sqlx::Error> {
    let told = details.map(|details| &*details.told);
    details_notices::record(pool, subject.id, room_id, event_id, told).await
}
