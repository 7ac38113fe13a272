//! Reads a whole conversation in its current state, for the visitor to save. It is read page by
//! page, so a long conversation does not use up the server's memory.

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

/// The memory that a page may need while it is rendered, which includes the indentation of each
/// line.
const PAGE_BYTES: usize = 8 * MAX_POLL_BYTES;

/// Why a conversation cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum GetTranscriptError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation ended too long ago.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// The answers in progress use all the memory that is allotted to them.
    #[error("there is no memory for another answer")]
    NoMemory,
    /// Postgres failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A conversation while it is being read.
#[derive(Debug)]
pub struct Transcript {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// Whether it has ended.
    pub has_ended: bool,
    session_id: Uuid,
    /// The last entry that was read, and the last one to read.
    after: i64,
    last: i64,
    db: Db,
    answer_memory: AnswerMemory,
    metrics: Metrics,
}

impl SupportChat {
    /// Opens the transcript of a conversation that is open or ended recently. It contains the
    /// entries up to now.
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
    /// Reads the next entries and reserves memory for them; returns none at the end.
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
