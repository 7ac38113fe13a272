//! Edits and deletions of what the visitor was shown.

use incoming::visible_text::is_blank;
use uuid::Uuid;

use super::{Conversation, Entry, Incoming};
use crate::storage::{Connection, matrix_events};

impl Conversation {
    /// Replaces the visitor's text with an edited one; returns its entry.
    pub(super) async fn edit(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        of: &str,
        (text, text_of_reply): (&str, Option<&str>),
    ) -> Result<Option<Uuid>, sqlx::Error> {
        let Some(shown) = matrix_events::shown(db, of, self.session_id).await? else {
            return Ok(None);
        };
        // An edit by anyone except the author has no effect, as in Matrix clients.
        if shown.author.as_deref() != Some(&incoming.event.sender) {
            return Ok(None);
        }
        // If it was not recorded whether the event is a reply, a text that begins like the quotation of a reply counts
        // as one.
        let is_reply = shown.is_reply.unwrap_or(true);
        let body = text_of_reply.filter(|_| is_reply).unwrap_or(text);
        // An edit that leaves nothing to read is a deletion.
        let removed = is_blank(body);
        let entry = Entry {
            body: if removed { "" } else { body },
            replaces: Some(shown.message_id),
            removed,
            ..Entry::default()
        };
        self.append(db, incoming, entry).await
    }

    /// Removes a text. If an edit was redacted, the text before it is shown again, as in Matrix clients. The homeserver
    /// decides who may redact.
    pub(super) async fn redact(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        redacted: &str,
    ) -> Result<(), sqlx::Error> {
        let session_id = self.session_id;
        let edited = matrix_events::edited_by(db, redacted, session_id).await?;
        let original = edited.as_deref().unwrap_or(redacted);
        let Some(shown) = matrix_events::shown(db, original, session_id).await? else {
            return Ok(());
        };
        if edited.is_some() {
            matrix_events::point_to(db, redacted, None).await?;
            if shown.event_id != redacted {
                // A later edit is shown, so nothing changes.
                return Ok(());
            }
        } else {
            matrix_events::forget_texts(db, original).await?;
        }
        let before = matrix_events::shown(db, original, session_id).await?;
        let body = before.as_ref().map_or("", |before| &before.body);
        let entry = Entry {
            body,
            replaces: Some(shown.message_id),
            removed: body.is_empty(),
            ..Entry::default()
        };
        let id = self.append(db, incoming, entry).await?;
        if let (Some(before), Some(id)) = (before, id) {
            matrix_events::point_to(db, &before.event_id, Some(id)).await?;
        }
        Ok(())
    }
}
