//! The newest part of a conversation, for a page that shows it as a whole each time.

use app::contract::MAX_POLL_BYTES;
use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SessionEnded, Share, SupportChat, access::ensure_open};
use crate::{
    metrics::Throttle,
    storage::messages::{self, Newest},
};

/// What a page may hold of memory while it is made: its texts are escaped, and marked up.
const PAGE_BYTES: usize = 8 * MAX_POLL_BYTES;

/// Why a conversation cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadConversationError {
    /// The token does not open the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// Answers that are under way hold all the memory that they may.
    #[error("there is no memory for another answer")]
    NoMemory,
    /// Postgres.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl SupportChat {
    /// The newest entries of a conversation that goes on, with the memory for the page that shows them.
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
