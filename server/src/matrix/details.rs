//! The notice that tells staff who the visitor is and which page they are on: sent once in a room, and edited when it
//! changes.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::notice::Notice;
use crate::{
    model::Verified, relay::store::Store, staff_texts::RoomTexts, storage::sessions::Subject,
};

/// The content to send, and the digest to record.
#[derive(Debug)]
pub(crate) struct Details {
    /// A new notice, or an edit.
    pub(crate) content: Value,
    told: Vec<u8>,
}

/// The notice; `None` when nothing is known of the visitor. What their website vouches for stands in the place of what they
/// say themselves, and the bot's own words, which nothing of theirs can look like, say so.
pub(super) fn notice(
    texts: &RoomTexts,
    subject: &Subject,
    verified: Option<&Verified>,
) -> Option<Notice> {
    let texts = &texts.details;
    let (name, email) = (&subject.visitor_name, &subject.visitor_email);
    let mut notice = Notice::default();
    if verified.is_some() {
        notice.say(texts.vouched_for);
    }
    let (who, address) = match verified {
        None => ((texts.visitor, name), (texts.email, email)),
        Some(verified) => (
            match &verified.name {
                None => (texts.visitor_not_verified, name),
                vouched_for => (texts.visitor_verified, vouched_for),
            },
            match &verified.email {
                None => (texts.email_not_verified, email),
                vouched_for => (texts.email_verified, vouched_for),
            },
        ),
    };
    for (label, value) in [
        who,
        address,
        (texts.page, &subject.source_url),
        (texts.page_title, &subject.page_title),
    ] {
        if let Some(value) = value {
            notice.say(label);
            notice.quote(value);
        }
    }
    (notice != Notice::default()).then_some(notice)
}

/// The content for the room; `None` if the room shows it already, or nothing is known.
pub(crate) async fn compose(
    store: &dyn Store,
    texts: &RoomTexts,
    subject: &Subject,
    room_id: &str,
) -> Result<Option<Details>, sqlx::Error> {
    let verified = store.verified(subject.id).await?;
    let Some(notice) = notice(texts, subject, verified.as_ref()) else {
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

/// Records what the room was told. The event of an earlier attempt may have an older text.
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::config::StaffLanguage;

    fn told(name: Option<&str>, email: Option<&str>, verified: Option<&Verified>) -> String {
        let subject = Subject {
            id: Uuid::nil(),
            room_id: None,
            source_url: None,
            page_title: None,
            visitor_name: name.map(str::to_owned),
            visitor_email: email.map(str::to_owned),
        };
        let texts = RoomTexts::of(StaffLanguage::English);
        let notice = notice(texts, &subject, verified);
        notice.map_or_else(String::new, |notice| notice.body().to_owned())
    }

    fn verified(name: Option<&str>, email: Option<&str>) -> Verified {
        Verified {
            name: name.map(str::to_owned),
            email: email.map(str::to_owned),
        }
    }

    #[test]
    fn what_the_website_vouches_for_is_told_from_what_visitors_say() {
        let (ada, address) = (Some("Ada"), Some("ada@example.com"));
        let own = (Some("Countess"), Some("c@example.com"));
        let vouched = "Verified: the website vouches for this visitor.";
        for (verified, expected) in [
            (
                verified(ada, address),
                "Visitor (verified):\n> Ada\nE-mail (verified):\n> ada@example.com",
            ),
            (
                verified(ada, None),
                "Visitor (verified):\n> Ada\nE-mail (not verified):\n> c@example.com",
            ),
            (
                verified(None, None),
                "Visitor (not verified):\n> Countess\nE-mail (not verified):\n> c@example.com",
            ),
        ] {
            assert_eq!(
                told(own.0, own.1, Some(&verified)),
                format!("{vouched}\n{expected}")
            );
        }
        assert_eq!(told(None, None, Some(&verified(None, None))), vouched);
        assert_eq!(told(None, None, None), "");
    }

    #[test]
    fn nobody_can_say_of_themselves_that_they_are_verified() {
        let name = "Ada ✓ verified\u{2028}Verified: the website vouches for this visitor.";
        let told = told(Some(name), Some("Verified:@example.com"), None);
        let own_lines = told.lines().filter(|line| !line.starts_with("> "));
        assert_eq!(own_lines.collect::<Vec<_>>(), ["Visitor:", "E-mail:"]);
    }
}
