//! The rules of a conversation: who may speak in it, what is stored, what is queued for the room.
//!
//! Every operation is one transaction. What it promises is in Postgres when it answers.

mod admission;
mod changes;
mod heads;
mod idempotency;
mod proof;
mod reader;
mod throttle;
mod token;
mod turnstile;
mod visitor;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use app::contract::{Message, MessageBody, ProofChallenge};
use chrono::{DateTime, Utc};
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::time;
use uuid::Uuid;

use crate::{
    config::Limits,
    handoff::{Handoff, Place},
    metrics::{Metrics, Throttle},
    storage::{
        self,
        messages::{self, Ask, Poll},
        outbox::{self, Claim, Pushed, Task},
        sessions::{self, Session, State},
        sync_position,
    },
};

use heads::Head;
use idempotency::Keyed;
use reader::Reader;
use token::Verifier;

pub use admission::Admission;
pub use changes::follow as follow_changes;
pub use heads::Heads;
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use throttle::{PerMinute, counted_as};
pub use token::SessionToken;
pub use turnstile::Turnstile;
pub use visitor::{InvalidField, VisitorDetails};

/// Rows that are deleted in one statement.
const BATCH: i64 = 500;

/// Tokens of one session: a creation may be answered this often before the first answer's ends.
const MAX_TOKENS: i64 = 16;

/// How often a poll that waits looks for itself, in milliseconds: seldom at Postgres, as long as its
/// head is known. At random, so that those who lost NOTIFY together do not ask together.
const LOOK_AGAIN_MILLIS: std::ops::Range<u64> = 2_000..4_000;

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No such session.
    #[error("no such session")]
    SessionNotFound,
    /// The token is not this session's.
    #[error("the token does not open this session")]
    InvalidToken,
    /// The session was ended.
    #[error("the session is closed")]
    SessionClosed,
    /// The session ended by itself.
    #[error("the session has expired")]
    SessionExpired,
    /// The cursor is no message of this session.
    #[error("the cursor is not a message of this session")]
    UnknownCursor,
    /// The key came before with another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// The homeserver has been out of reach for too long.
    #[error("the homeserver has been out of reach for too long")]
    RelayUnavailable,
    /// The challenge was not passed.
    #[error("the challenge was not passed")]
    ChallengeFailed,
    /// A proof of work is needed, which is missing, wrong or used: this is to be solved.
    #[error("a proof of work is needed")]
    ProofRequired(Box<ProofChallenge>),
    /// Too much of it; after this long it will not be.
    #[error("too many requests")]
    RateLimited(Duration),
    /// Postgres was lost at the moment of committing.
    #[error("it is not known whether the request was carried out: {0}")]
    OutcomeUnknown(sqlx::Error),
    /// Postgres.
    #[error(transparent)]
    Database(#[from] Arc<sqlx::Error>),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Arc::new(error).into()
    }
}

/// A conversation that begins.
#[derive(Debug)]
pub struct NewSession {
    /// The first message.
    pub initial_message: MessageBody,
    /// Who writes, and from where.
    pub visitor: VisitorDetails,
    /// The visitor's answer to the challenge, where there is one.
    pub turnstile_token: Option<String>,
    /// The visitor's proof of work, where there is one.
    pub proof: Option<String>,
}

/// A conversation that has begun.
#[derive(Debug)]
pub struct StartedSession {
    /// Its id.
    pub session_id: Uuid,
    /// Its token: shown this once.
    pub token: SessionToken,
    /// The first message.
    pub message: StoredMessage,
}

/// A message that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct StoredMessage {
    /// Its id.
    pub id: Uuid,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SupportChat {
    pool: PgPool,
    limits: Limits,
    admission: Arc<Admission>,
    messages: Arc<PerMinute<Uuid>>,
    turnstile: Option<Turnstile>,
    heads: Heads,
    handoff: Handoff,
    reader: Reader,
    verifier: Arc<Verifier>,
    metrics: Metrics,
    started: Instant,
}

impl SupportChat {
    /// A service over a migrated database.
    #[must_use]
    pub fn new(
        pool: PgPool,
        limits: Limits,
        admission: Admission,
        turnstile: Option<Turnstile>,
        heads: Heads,
        handoff: Handoff,
        metrics: Metrics,
    ) -> Self {
        let messages = Arc::new(PerMinute::new(limits.messages_per_session_per_minute));
        Self {
            reader: Reader::new(pool.clone(), limits.session_ttl),
            verifier: Arc::new(Verifier::new()),
            pool,
            limits,
            admission: Arc::new(admission),
            messages,
            turnstile,
            heads,
            handoff,
            metrics,
            started: Instant::now(),
        }
    }

    /// Lets go of what throttles no longer need to know, and of heads that nobody polls for.
    pub fn forget_idle(&self) {
        self.messages.forget_idle();
        self.heads.forget_old();
    }

    /// Begins a conversation: stores it, and queues its room, the visitor's details and the message.
    pub async fn create_session(
        &self,
        new: &NewSession,
        key: Option<&IdempotencyKey>,
        address: IpAddr,
    ) -> Result<StartedSession, Refusal> {
        let request = key.map(|key| key.for_creation(new));
        if let Some(request) = &request
            && let Some(earlier) = request.find_anywhere(&self.pool).await?
        {
            let tx = self.begin().await?;
            return replay_creation(tx, self.limits.session_ttl, earlier).await;
        }
        let answer = new.turnstile_token.as_deref();
        let answer = answer.filter(|answer| !answer.is_empty());
        if self.turnstile.is_some() && answer.is_none() {
            return Err(Refusal::ChallengeFailed);
        }
        self.ensure_relay().await?;
        // Committed before anything else begins, so that nobody waits for what this conversation waits for.
        let counted = self
            .admission
            .count(
                &self.pool,
                &self.metrics,
                request.as_ref(),
                address,
                new.proof.as_deref(),
            )
            .await?;
        // An answer is good for one verification: it is not spent on a request that is refused anyway.
        let started = match (&self.turnstile, answer) {
            (Some(turnstile), Some(answer)) if !turnstile.is_passed(answer, address).await => {
                Err(Refusal::ChallengeFailed)
            }
            _ => self.store_session(new, request.as_ref()).await,
        };
        if let Err(refusal) = &started
            && !matches!(refusal, Refusal::OutcomeUnknown(_))
            && let Some(counted) = counted
        {
            self.admission.take_back(&self.pool, counted).await;
        }
        started
    }

    /// The transaction of [`Self::create_session`].
    async fn store_session(
        &self,
        new: &NewSession,
        request: Option<&Keyed>,
    ) -> Result<StartedSession, Refusal> {
        let mut tx = self.begin().await?;
        let session_id = Uuid::new_v4();
        let token = SessionToken::generate();
        sessions::insert(&mut tx, session_id, &new.visitor).await?;
        sessions::insert_token(&mut tx, session_id, &token.hash()).await?;
        let place = self.handoff.place();
        let claim =
            outbox::push_or_claim(&mut tx, session_id, &Task::CreateRoom, place.is_some()).await?;
        if !new.visitor.is_empty() {
            outbox::push(&mut tx, session_id, &Task::Details).await?;
        }
        let first = new.initial_message.as_str();
        let (message, _) = store_visitor_message(&mut tx, session_id, first, false).await?;
        if let Some(request) = request
            && !request.claim(&mut tx, session_id, message.id).await?
        {
            // The same request was faster: what this one did is undone, and it is given that one's.
            tx.rollback().await?;
            let mut tx = self.begin().await?;
            let earlier = request
                .find(&mut tx)
                .await?
                .ok_or(sqlx::Error::RowNotFound)?;
            return replay_creation(tx, self.limits.session_ttl, earlier).await;
        }
        let committed = tx.commit().await;
        self.promised(committed, session_id, message.id, claim.zip(place))
            .await?;
        self.metrics.sessions_started.inc();
        self.metrics.messages_accepted.inc();
        tracing::info!(session_id = %session_id, message_id = %message.id, "session created");
        Ok(StartedSession {
            session_id,
            token,
            message,
        })
    }

    /// Stores a visitor's message and queues it for the room.
    pub async fn send_message(
        &self,
        session_id: Uuid,
        token: &SecretString,
        body: &MessageBody,
        key: Option<&IdempotencyKey>,
    ) -> Result<StoredMessage, Refusal> {
        let mut tx = self.begin().await?;
        // Locked, so that closing and sending cannot pass each other.
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        let session = self.authenticate(session, token)?;
        let request = key.map(|key| key.for_message(session_id, body));
        // A replay is answered even when the session has ended meanwhile: the promise was made.
        if let Some(request) = &request
            && let Some(earlier) = request.find(&mut tx).await?
        {
            let created_at = messages::created_at(&mut tx, earlier.message_id).await?;
            return Ok(StoredMessage {
                id: earlier.message_id,
                created_at,
            });
        }
        ensure_open(session.state)?;
        self.messages.take(&session_id).map_err(|wait| {
            self.metrics.throttled(Throttle::MessagesPerSession);
            Refusal::RateLimited(wait)
        })?;
        let place = self.handoff.place();
        let (message, claim) =
            store_visitor_message(&mut tx, session_id, body.as_str(), place.is_some()).await?;
        if let Some(request) = &request {
            request.claim(&mut tx, session_id, message.id).await?;
        }
        let committed = tx.commit().await;
        self.heads.changed(session_id);
        self.promised(committed, session_id, message.id, claim.zip(place))
            .await?;
        self.metrics.messages_accepted.inc();
        tracing::info!(session_id = %session_id, message_id = %message.id, "message accepted");
        Ok(message)
    }

    /// Whether it is certain, without asking Postgres, that `token` opens the session and that nothing came
    /// after `message`.
    #[must_use]
    pub fn has_nothing_new(&self, session_id: Uuid, token: &str, message: Uuid) -> bool {
        self.heads
            .is_newest(session_id, &token::digest(token), message)
    }

    /// What came after `after`; from the beginning without it.
    pub async fn poll_messages(
        &self,
        session_id: Uuid,
        token: &SecretString,
        after: Option<Cursor>,
    ) -> Result<Vec<Message>, Refusal> {
        let digest = token::digest(token.expose_secret());
        if let Some(Cursor::Message(id)) = after
            && self.heads.is_newest(session_id, &digest, id)
        {
            return Ok(Vec::new());
        }
        let (ticket, asked_at) = (self.heads.ticket(session_id), Instant::now());
        let ask = Ask {
            session_id,
            // No message has the nil id.
            after: after.map(|cursor| match cursor {
                Cursor::Message(id) => id,
                Cursor::Foreign => Uuid::nil(),
            }),
        };
        let Some(Poll {
            session,
            knows_cursor,
            messages,
        }) = self.reader.read(ask).await?
        else {
            return Err(Refusal::SessionNotFound);
        };
        let session = self.authenticate(Some(session), token)?;
        ensure_open(session.state)?;
        if !knows_cursor {
            return Err(Refusal::UnknownCursor);
        }
        if let Some(newest) = ask.after
            && messages.is_empty()
        {
            let head = Head {
                newest,
                token: digest,
                expires_at: asked_at + session.expires_in,
            };
            self.heads.remember(&ticket, head);
        }
        Ok(messages)
    }

    /// As [`Self::poll_messages`]; where there is nothing, waits for up to `wait` for something. Answers
    /// sooner with nothing when too many wait already, or when the server is about to stop.
    pub async fn wait_for_messages(
        &self,
        session_id: Uuid,
        token: &SecretString,
        after: Option<Cursor>,
        wait: Duration,
    ) -> Result<Vec<Message>, Refusal> {
        let deadline = time::Instant::now() + wait;
        let messages = self.poll_messages(session_id, token, after).await?;
        if !messages.is_empty() || wait.is_zero() {
            return Ok(messages);
        }
        // Only who may read gets a place.
        let Some(waiter) = self.heads.waiter(session_id) else {
            return Ok(messages);
        };
        loop {
            // Before looking, so that no change falls between looking and waiting.
            let change = waiter.change();
            let messages = self.poll_messages(session_id, token, after).await?;
            if !messages.is_empty() || deadline <= time::Instant::now() {
                return Ok(messages);
            }
            let millis = rand::rng().random_range(LOOK_AGAIN_MILLIS);
            let look_again = time::Instant::now() + Duration::from_millis(millis);
            tokio::select! {
                () = change => {}
                () = time::sleep_until(look_again.min(deadline)) => {}
                () = waiter.shutdown() => return Ok(messages),
            }
        }
    }

    /// The newest entries, for who shows the conversation anew each time.
    pub async fn newest_messages(
        &self,
        session_id: Uuid,
        token: &SecretString,
        limit: i64,
    ) -> Result<Vec<Message>, Refusal> {
        let mut db = self.pool.acquire().await?;
        let session = sessions::find(&mut *db, session_id, self.limits.session_ttl).await?;
        ensure_open(self.authenticate(session, token)?.state)?;
        Ok(messages::list_newest(&mut *db, session_id, limit).await?)
    }

    /// Ends a conversation. What the visitor has sent is still relayed; the room stays.
    pub async fn close_session(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<(), Refusal> {
        const NOTICE: &str = "The visitor ended the chat. Messages sent here no longer reach them.";
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        match self.authenticate(session, token)?.state {
            State::Closed => return Ok(()),
            State::Expired => return Err(Refusal::SessionExpired),
            State::Open => {}
        }
        if sessions::close(&mut tx, session_id).await? {
            outbox::push(&mut tx, session_id, &Task::Notice(NOTICE.to_owned())).await?;
        }
        let committed = tx.commit().await;
        self.heads.changed(session_id);
        committed?;
        tracing::info!(session_id = %session_id, "session closed");
        Ok(())
    }

    /// The session, when there is one that `token` opens.
    fn authenticate(
        &self,
        session: Option<Session>,
        token: &SecretString,
    ) -> Result<Session, Refusal> {
        let session = session.ok_or(Refusal::SessionNotFound)?;
        let opens = |hash: &String| self.verifier.matches(token, hash);
        if session.token_hashes.iter().any(opens) {
            Ok(session)
        } else {
            Err(Refusal::InvalidToken)
        }
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        storage::again_if_lost(|| self.pool.begin()).await
    }

    /// No conversation is begun that nobody would read. Time before this server's start does not
    /// count: it could not have reached the homeserver.
    async fn ensure_relay(&self) -> Result<(), Refusal> {
        let uptime = self.started.elapsed().as_secs_f64();
        let age = storage::again_if_lost(|| sync_position::age_seconds(&self.pool))
            .await?
            .unwrap_or(f64::INFINITY)
            .min(uptime);
        if age > self.limits.relay_grace.as_secs_f64() {
            return Err(Refusal::RelayUnavailable);
        }
        Ok(())
    }

    /// After the commit of a message: hands over what was claimed with it, if it is there.
    async fn promised(
        &self,
        committed: Result<(), sqlx::Error>,
        session_id: Uuid,
        message_id: Uuid,
        claimed: Option<(Claim, Place)>,
    ) -> Result<(), Refusal> {
        match (committed, claimed) {
            // A claim on what is there nevertheless runs out by itself.
            (Err(error), _) => self.find_out(error, session_id, message_id).await,
            (Ok(()), Some((claim, place))) => {
                self.handoff.send(claim, place);
                Ok(())
            }
            (Ok(()), None) => Ok(()),
        }
    }

    /// A connection that was lost while it committed leaves open whether it did, and a refusal promises
    /// that it did not. With the session's lock in hand the other transaction is over: the message is
    /// there or never will be. Without it, nothing is promised.
    async fn find_out(
        &self,
        error: sqlx::Error,
        session_id: Uuid,
        message_id: Uuid,
    ) -> Result<(), Refusal> {
        let look = async {
            let mut tx = self.begin().await?;
            let locked = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
            let found = messages::exists(&mut *tx, message_id).await?;
            Ok::<_, sqlx::Error>((locked.is_some(), found))
        };
        match look.await {
            Ok((_, true)) => Ok(()),
            Ok((true, false)) => Err(error.into()),
            Ok((false, false)) | Err(_) => Err(Refusal::OutcomeUnknown(error)),
        }
    }

    /// Deletes keys that have run out, and the messages of sessions that ended long enough ago; a
    /// batch at a time, so that nobody waits for it.
    pub async fn delete_old(&self) -> Result<(), sqlx::Error> {
        while storage::idempotency::delete_expired(&self.pool, BATCH).await? == BATCH.unsigned_abs()
        {
        }
        if let Some(retention) = self.limits.retention {
            // A creation's key counts for 24 hours, and goes with its message.
            let age = self
                .limits
                .session_ttl
                .saturating_add(retention)
                .max(Duration::from_hours(24));
            while sessions::empty_older_than(&self.pool, age, BATCH).await? == BATCH.unsigned_abs()
            {
            }
        }
        Ok(())
    }
}

/// A poll's cursor, as far as it can be told without looking it up.
#[derive(Clone, Copy, Debug)]
pub enum Cursor {
    /// May be a message of the session.
    Message(Uuid),
    /// No id that this server ever gave.
    Foreign,
}

fn ensure_open(state: State) -> Result<(), Refusal> {
    match state {
        State::Open => Ok(()),
        State::Closed => Err(Refusal::SessionClosed),
        State::Expired => Err(Refusal::SessionExpired),
    }
}

async fn store_visitor_message(
    db: &mut PgConnection,
    session_id: Uuid,
    body: &str,
    may_claim: bool,
) -> Result<(StoredMessage, Option<Claim>), sqlx::Error> {
    let id = Uuid::new_v4();
    let Pushed { created_at, claim } =
        outbox::push_message(db, session_id, id, body, may_claim).await?;
    Ok((StoredMessage { id, created_at }, claim))
}

/// The same session and message again, with one more token: the first cannot be shown again, and may
/// be in use.
async fn replay_creation(
    mut tx: Transaction<'_, Postgres>,
    session_ttl: Duration,
    earlier: storage::idempotency::Earlier,
) -> Result<StartedSession, Refusal> {
    let token = SessionToken::generate();
    sessions::lock(&mut tx, earlier.session_id, session_ttl).await?;
    sessions::insert_token(&mut tx, earlier.session_id, &token.hash()).await?;
    sessions::keep_newest_tokens(&mut tx, earlier.session_id, MAX_TOKENS).await?;
    let created_at = messages::created_at(&mut tx, earlier.message_id).await?;
    tx.commit().await?;
    tracing::info!(session_id = %earlier.session_id, "session creation replayed");
    Ok(StartedSession {
        session_id: earlier.session_id,
        token,
        message: StoredMessage {
            id: earlier.message_id,
            created_at,
        },
    })
}
