//! Reads the newest part of a conversation for a page that shows all of it at once.

use app::contract::MAX_POLL_BYTES;
use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SessionEnded, Share, SupportChat, access::ensure_open};
use crate::{
    metrics::Throttle,
    storage::messages::{self, Newest},
};

/// The memory that a page may need while it is rendered, which includes escaping and markup.
const PAGE_BYTES: usize = 8 * MAX_POLL_BYTES;

/// Why a conversation cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadConversationError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// The answers in progress use all the memory that is allotted to them.
    #[error("there is no memory for another answer")]
    NoMemory,
    /// Postgres failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl SupportChat {
    /// Reads the newest entries of an open conversation and reserves memory for the page.
    pub async fn read_conversation(
        &self,
        session_id: Uuid,
        token: &SecretString,
        max_entries: i64,
        max_bytes: i64,
    ) -> Result<(Newest, Share), ReadConversationError> {
        let session = self.find_session(session_id).await?;
        ensure_open(&self.authenticate(session, token)?)?;
        self.poll_cache.saw(session_id);
        let Some(share) = self.answer_memory.share(PAGE_BYTES).await else {
            self.metrics.throttled(Throttle::AnswerMemory);
            return Err(ReadConversationError::NoMemory);
        };
        let newest =
            messages::list_newest(&self.shares.reads, session_id, max_entries, max_bytes).await?;
        if let Some(newest) = newest.entries.last() {
            self.mailing.fetches.note(session_id, newest.id);
        }
        Ok((newest, share))
    }
}
