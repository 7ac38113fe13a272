//! What is new in a conversation, at once or as soon as there is something.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::time;
use uuid::Uuid;

use super::{
    AccessError, SessionEnded, Share, SupportChat, access::ensure_open, poll_reader::ReadError,
};
use crate::{
    metrics::Throttle,
    model::Entry,
    poll_cache::{Signals, Snapshot, TokenDigest},
    storage::polls::{Ask, Poll},
};

/// How often a poll that waits looks for itself, in milliseconds: seldom at Postgres, as long as the poll cache can
/// answer. The time is random, so that polls which lost NOTIFY together do not ask together.
const LOOK_AGAIN_MILLIS: Range<u64> = 2_000..4_000;

/// The answer to a poll that has waited for longer counts as fetched only when the next one says so: the visitor may
/// have gone without a word meanwhile.
const SURELY_THERE: Duration = Duration::from_secs(5);

/// Why a poll is not answered.
#[derive(Debug, thiserror::Error)]
pub enum PollMessagesError {
    /// The token does not open the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// The cursor is no message of this session.
    #[error("the cursor is not a message of this session")]
    UnknownCursor,
    /// The entries could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A poll's cursor, as far as it can be told without looking it up.
#[derive(Clone, Copy, Debug)]
pub enum Cursor {
    /// May be a message of the session.
    Message(Uuid),
    /// No id that this server ever gave.
    Foreign,
}

/// What a poll is answered with.
#[derive(Debug, Default)]
pub struct Entries {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// There is more after them.
    pub more: bool,
    /// What is told beside them.
    pub signals: Signals,
    /// Their part of the memory for answers.
    pub share: Option<Share>,
}

impl Entries {
    /// No entries.
    #[must_use]
    pub fn none(signals: Signals) -> Self {
        Self {
            signals,
            ..Self::default()
        }
    }

    /// Whether there is something that a poll which waits is answered with: entries, or another state than `known`.
    fn is_news(&self, known: Option<&str>) -> bool {
        !self.entries.is_empty() || known.is_some_and(|known| self.signals.state() != known)
    }
}

impl SupportChat {
    /// What is told beside messages, when it is certain, without asking Postgres, that `token` opens the session and
    /// that nothing came after `message`.
    #[must_use]
    pub fn nothing_new(&self, session_id: Uuid, token: &str, message: Uuid) -> Option<Signals> {
        self.poll_cache
            .nothing_after(session_id, &TokenDigest::of(token), message)
    }

    /// What came after `after`; from the beginning without it.
    pub async fn poll_messages(
        &self,
        session_id: Uuid,
        token: &SecretString,
        after: Option<Cursor>,
    ) -> Result<Entries, PollMessagesError> {
        let digest = TokenDigest::of(token.expose_secret());
        if let Some(Cursor::Message(id)) = after
            && let Some(signals) = self.poll_cache.nothing_after(session_id, &digest, id)
        {
            return Ok(Entries::none(signals));
        }
        let (ticket, asked_at) = (self.poll_cache.ticket(session_id), Instant::now());
        let ask = Ask {
            session_id,
            // No message has the nil id.
            after: after.map(|cursor| match cursor {
                Cursor::Message(id) => id,
                Cursor::Foreign => Uuid::nil(),
            }),
        };
        let read = self.poll_reader.read(ask).await.inspect_err(|error| {
            if let ReadError::NoMemory = error {
                self.metrics.throttled(Throttle::AnswerMemory);
            }
        });
        let Some((poll, share)) = read? else {
            return Err(AccessError::SessionNotFound.into());
        };
        let Poll {
            session,
            marks,
            knows_cursor,
            entries,
            more,
        } = poll;
        let session = self.authenticate(Some(session), token)?;
        ensure_open(&session)?;
        self.poll_cache.saw(session_id);
        if !knows_cursor {
            return Err(PollMessagesError::UnknownCursor);
        }
        if let Some(cursor) = ask.after {
            self.signaller.fetched(session_id, cursor);
            self.mailing.fetches.note(session_id, cursor);
        }
        if let Some(newest) = ask.after
            && entries.is_empty()
        {
            let snapshot = Snapshot {
                newest,
                marks,
                token: digest,
                expires_at: asked_at + session.expires_in,
            };
            self.poll_cache.remember(&ticket, snapshot);
        }
        Ok(Entries {
            entries,
            more,
            signals: Signals {
                marks,
                staff_typing: self.poll_cache.staff_type(session_id),
            },
            share,
        })
    }

    /// As [`Self::poll_messages`]; where there is nothing, waits for up to `wait` for something. With `state`, another
    /// state is something, too. Answers sooner with nothing when too many polls wait already, or when the server is
    /// about to stop.
    pub async fn wait_for_messages(
        &self,
        session_id: Uuid,
        token: &SecretString,
        after: Option<Cursor>,
        wait: Duration,
        state: Option<&str>,
    ) -> Result<Entries, PollMessagesError> {
        let asked = time::Instant::now();
        let entries = self
            .wait_for_news(session_id, token, after, asked + wait, state)
            .await?;
        if let Some(newest) = entries.entries.last()
            && asked.elapsed() < SURELY_THERE
        {
            self.mailing.fetches.note(session_id, newest.id);
        }
        Ok(entries)
    }

    async fn wait_for_news(
        &self,
        session_id: Uuid,
        token: &SecretString,
        after: Option<Cursor>,
        deadline: time::Instant,
        state: Option<&str>,
    ) -> Result<Entries, PollMessagesError> {
        let entries = self.poll_messages(session_id, token, after).await?;
        if entries.is_news(state) || deadline <= time::Instant::now() {
            return Ok(entries);
        }
        // Only a poll that may read gets a place.
        let Some(waiter) = self.poll_cache.waiter(session_id) else {
            return Ok(entries);
        };
        loop {
            // Before looking, so that no change falls between looking and waiting.
            let change = waiter.change();
            let entries = self.poll_messages(session_id, token, after).await?;
            if entries.is_news(state) || deadline <= time::Instant::now() {
                return Ok(entries);
            }
            let millis = rand::rng().random_range(LOOK_AGAIN_MILLIS);
            let look_again = time::Instant::now() + Duration::from_millis(millis);
            tokio::select! {
                () = change => {}
                () = time::sleep_until(look_again.min(deadline)) => {}
                () = waiter.shutdown() => return Ok(entries),
            }
        }
    }
}
