//! The notice that tells staff who the visitor is and which page they are on: sent once in a room, and edited when it
//! changes.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::notice::Notice;
use crate::{relay::store::Store, storage::sessions::Subject};

/// The content to send, and the digest to record.
#[derive(Debug)]
pub(crate) struct Details {
    /// A new notice, or an edit.
    pub(crate) content: Value,
    told: Vec<u8>,
}

/// The notice; `None` when nothing is known about the visitor.
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

/// The content for the room; `None` when the room was told the same already, or nothing is known.
pub(crate) async fn compose(
    store: &dyn Store,
    subject: &Subject,
    room_id: &str,
) -> Result<Option<Details>, sqlx::Error> {
    let Some(notice) = notice(subject) else {
        return Ok(None);
    };
    let told = Sha256::digest(notice.body()).to_vec();
    let content = match store.details_notice(subject.id, room_id).await? {
        None => notice.content(),
        Some(earlier) if earlier.told.as_ref() == Some(&told) => return Ok(None),
        Some(earlier) => notice.edit_of(&earlier.event_id),
    };
    Ok(Some(Details { content, told }))
}

/// Records that the room was told. An event of an earlier attempt may have an older text.
pub(crate) async fn record(
    store: &dyn Store,
    subject: &Subject,
    room_id: &str,
    event_id: &str,
    details: Option<&Details>,
) -> Result<(), sqlx::Error> {
    let told = details.map(|details| &*details.told);
    store
        .record_details(subject.id, room_id, event_id, told)
        .await
}
