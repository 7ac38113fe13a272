//! The whole conversation as it reads now, for the visitor to keep: page by page, so that no length of it takes the server's
//! memory.

use app::contract::{MAX_MESSAGES_PER_POLL, MAX_POLL_BYTES};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, AnswerMemory, SessionEnded, Share, SupportChat};
use crate::{
    metrics::{Metrics, Throttle},
    storage::{
        Db,
        sessions::State,
        transcript::{self, Line},
    },
};

/// What a page may hold of memory while it is made: each of its lines is indented.
const PAGE_BYTES: usize = 8 * MAX_POLL_BYTES;

/// Why a conversation cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum GetTranscriptError {
    /// The token does not open the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation ended too long ago.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// Answers that are under way hold all the memory that they may.
    #[error("there is no memory for another answer")]
    NoMemory,
    /// Postgres.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A conversation that is being read.
#[derive(Debug)]
pub struct Transcript {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// Whether it has ended.
    pub has_ended: bool,
    session_id: Uuid,
    /// The entry that was read last, and the last one that is to be read.
    after: i64,
    last: i64,
    db: Db,
    answer_memory: AnswerMemory,
    metrics: Metrics,
}

impl SupportChat {
    /// The conversation from its beginning up to now, while it goes on and for a while after its end.
    pub async fn get_transcript(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<Transcript, GetTranscriptError> {
        let session = self.find_session(session_id).await?;
        let session = self.authenticate(session, token)?;
        let mut db = self.shares.reads.acquire().await?;
        self.ensure_open_lately(&mut db, session_id, &session)
            .await??;
        let extent = transcript::extent(&mut db, session_id).await?;
        Ok(Transcript {
            began_at: extent.began_at,
            has_ended: session.state != State::Open,
            session_id,
            after: 0,
            last: extent.last,
            db: self.shares.reads.clone(),
            answer_memory: self.answer_memory.clone(),
            metrics: self.metrics.clone(),
        })
    }
}

impl Transcript {
    /// The next lines, with the memory for them; none at the end.
    pub async fn next_page(&mut self) -> Result<Option<(Vec<Line>, Share)>, GetTranscriptError> {
        if self.after >= self.last {
            return Ok(None);
        }
        let Some(share) = self.answer_memory.share(PAGE_BYTES).await else {
            self.metrics.throttled(Throttle::AnswerMemory);
            return Err(GetTranscriptError::NoMemory);
        };
        let limits = transcript::Limits {
            lines: i64::try_from(MAX_MESSAGES_PER_POLL).unwrap_or(i64::MAX),
            bytes: i64::try_from(MAX_POLL_BYTES).unwrap_or(i64::MAX),
        };
        let place = (self.after, self.last);
        let lines = transcript::page(&self.db, self.session_id, place, limits).await?;
        self.after = lines.last().map_or(self.last, |line| line.seq);
        Ok(Some((lines, share)))
    }
}
