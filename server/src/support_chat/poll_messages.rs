//! Reads the new entries of a conversation, and waits for them if asked to.

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

/// How often a waiting poll looks for news itself, in milliseconds. The poll cache usually answers
/// this without Postgres. The interval is random, so that polls which missed the same NOTIFY do not
/// query together.
const LOOK_AGAIN_MILLIS: Range<u64> = 2_000..4_000;

/// If a poll waited longer than this, its answer counts as fetched only once the next poll confirms
/// it, since the visitor may have gone without closing the connection.
const SURELY_THERE: Duration = Duration::from_secs(5);

/// Why a poll failed.
#[derive(Debug, thiserror::Error)]
pub enum PollMessagesError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// The cursor is not a message of this session.
    #[error("the cursor is not a message of this session")]
    UnknownCursor,
    /// The entries could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A poll's cursor, parsed without looking it up.
#[derive(Clone, Copy, Debug)]
pub enum Cursor {
    /// The id may be a message of the session.
    Message(Uuid),
    /// This server has never issued such an id.
    Foreign,
}

/// The answer to a poll.
#[derive(Debug, Default)]
pub struct Entries {
    /// The new entries, oldest first.
    pub entries: Vec<Entry>,
    /// Whether more entries follow these.
    pub more: bool,
    /// The signals that accompany the entries.
    pub signals: Signals,
    /// The answer's share of the memory for answers.
    pub share: Option<Share>,
}

impl Entries {
    /// An answer without entries.
    #[must_use]
    pub fn none(signals: Signals) -> Self {
        Self {
            signals,
            ..Self::default()
        }
    }

    /// Whether a waiting poll should be answered: there are entries, or the state differs from
    /// `known`.
    fn is_news(&self, known: Option<&str>) -> bool {
        !self.entries.is_empty() || known.is_some_and(|known| self.signals.state() != known)
    }
}

impl SupportChat {
    /// Returns the signals if the cache knows for certain that `token` grants access to the session
    /// and that nothing came after `message`. This never queries Postgres.
    #[must_use]
    pub fn nothing_new(&self, session_id: Uuid, token: &str, message: Uuid) -> Option<Signals> {
        self.poll_cache
            .nothing_after(session_id, &TokenDigest::of(token), message)
    }

    /// Reads the entries after `after`, or from the beginning without it.
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
            // No message has the nil id, so the cursor will be reported as unknown.
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

    /// Like [`Self::poll_messages`], but if there is nothing new, it waits for up to `wait`. With
    /// `state`, a different state counts as news. Returns early without news if too many polls are
    /// waiting already or the server is shutting down.
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
        // The token was checked above, so only permitted polls take up a place.
        let Some(waiter) = self.poll_cache.waiter(session_id) else {
            return Ok(entries);
        };
        loop {
            // Subscribes before it reads, so that a change in between is not missed.
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
