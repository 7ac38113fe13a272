//! The rules of a conversation: who may speak in it, what is stored, what is queued for the room.
//!
//! Every operation is one transaction. What it promises is in Postgres when it answers.

mod admission;
mod availability;
mod budget;
mod changes;
mod heads;
mod idempotency;
mod page;
mod presence;
mod proof;
mod reader;
mod signals;
mod throttle;
mod token;
mod turnstile;
mod visitor;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use app::contract::{MAX_POLL_BYTES, Message, MessageBody, ProofChallenge};
use chrono::{DateTime, Utc};
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use tokio::time;
use uuid::Uuid;

use crate::{
    config::Limits,
    handoff::{Handoff, Place},
    metrics::{Metrics, Throttle},
    storage::{
        self, Connection, Db, Shares, Tx, blocked_addresses, clock,
        messages::{self, Ask, Newest, Poll},
        outbox::{self, Claim, Lane, Pushed, Task},
        sessions::{self, Session, State},
        sync_position,
    },
};

use budget::Budget;
use heads::Head;
use idempotency::Keyed;
use reader::Reader;
use token::Verifier;

pub use admission::Admission;
pub use budget::Share;
pub use changes::follow as follow_changes;
pub use heads::Heads;
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use presence::record_presence;
pub use signals::{Signaller, Signals, VisitorSignal};
pub use throttle::{PerMinute, counted_as};
pub use token::SessionToken;
pub use turnstile::Turnstile;
pub use visitor::{InvalidField, Page, VisitorDetails};

/// Rows that are deleted in one statement.
const BATCH: i64 = 100;
/// Statements of each kind in one run: more waits for the next.
const BATCHES: usize = 50;
/// How long it may take to find out what became of a commit that was not answered.
const LOOK: Duration = Duration::from_millis(400);

/// Tokens of one session: a creation may be answered this often before the first answer's ends.
const MAX_TOKENS: i64 = 16;

/// How often a poll that waits looks for itself, in milliseconds: seldom at Postgres, as long as its
/// head is known. At random, so that those who lost NOTIFY together do not ask together.
const LOOK_AGAIN_MILLIS: std::ops::Range<u64> = 2_000..4_000;

/// What a page may hold of memory while it is made: its texts are escaped, and marked up.
const PAGE_BYTES: usize = 8 * MAX_POLL_BYTES;

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
    /// Staff have blocked whoever writes from this address.
    #[error("conversations from this address are blocked")]
    Blocked,
    /// Too much of it; after this long it will not be.
    #[error("too many requests")]
    RateLimited(Duration),
    /// Answers that are under way hold all the memory that they may.
    #[error("there is no memory for another answer")]
    Busy,
    /// Postgres was lost when the request may have been carried out, by this attempt or by an earlier one.
    #[error("it is not known whether the request was carried out: {0}")]
    OutcomeUnknown(Arc<sqlx::Error>),
    /// Postgres.
    #[error(transparent)]
    Database(#[from] Arc<sqlx::Error>),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Arc::new(error).into()
    }
}

impl Refusal {
    /// The same, where an attempt under the same key was carried out: a fault now must not say that nothing was.
    fn of_a_replay(self) -> Self {
        match self {
            Self::Database(error) => Self::OutcomeUnknown(error),
            other => other,
        }
    }
}

/// What a poll is answered with.
#[derive(Debug, Default)]
pub struct Entries {
    /// Oldest first.
    pub messages: Vec<Message>,
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
        !self.messages.is_empty() || known.is_some_and(|known| self.signals.state() != known)
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

/// The ways to this server's relay, in memory.
#[derive(Debug)]
pub struct ToRelay {
    /// For what was stored and claimed.
    pub handoff: Handoff,
    /// For what the room is told of the visitor beside messages.
    pub signaller: Signaller,
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SupportChat {
    shares: Shares,
    limits: Limits,
    admission: Arc<Admission>,
    messages: Arc<PerMinute<Uuid>>,
    turnstile: Option<Turnstile>,
    heads: Heads,
    handoff: Handoff,
    signaller: Signaller,
    budget: Budget,
    reader: Reader,
    verifier: Arc<Verifier>,
    metrics: Metrics,
    started: Instant,
}

impl SupportChat {
    /// A service over a migrated database.
    #[must_use]
    pub fn new(
        shares: Shares,
        limits: Limits,
        admission: Admission,
        turnstile: Option<Turnstile>,
        heads: Heads,
        to_relay: ToRelay,
        metrics: Metrics,
    ) -> Self {
        let ToRelay { handoff, signaller } = to_relay;
        let messages = Arc::new(PerMinute::new(limits.messages_per_session_per_minute));
        let budget = Budget::new();
        Self {
            reader: Reader::new(shares.reads.clone(), limits.session_ttl, budget.clone()),
            budget,
            verifier: Arc::new(Verifier::new()),
            shares,
            limits,
            admission: Arc::new(admission),
            messages,
            turnstile,
            heads,
            handoff,
            signaller,
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
            && let Some(earlier) = request.find_anywhere(&self.shares.writes).await?
        {
            let tx = self.begin().await?;
            return replay_creation(tx, self.limits.session_ttl, earlier).await;
        }
        let address_digest = self.admission.digest(address);
        // Before it is counted: what is blocked uses up nobody's limit.
        let blocked = storage::again_if_lost(|| {
            blocked_addresses::is_blocked(&self.shares.writes, &address_digest)
        });
        if blocked.await? {
            return Err(Refusal::Blocked);
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
                &self.shares.writes,
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
            _ => {
                self.store_session(new, request.as_ref(), &address_digest)
                    .await
            }
        };
        if let Err(refusal) = &started
            && !matches!(refusal, Refusal::OutcomeUnknown(_))
            && let Some(counted) = counted
        {
            self.admission.take_back(&self.shares.writes, counted).await;
        }
        started
    }

    /// The transaction of [`Self::create_session`].
    async fn store_session(
        &self,
        new: &NewSession,
        request: Option<&Keyed>,
        address_digest: &[u8],
    ) -> Result<StartedSession, Refusal> {
        let mut tx = self.begin().await?;
        let session_id = Uuid::new_v4();
        let token = SessionToken::generate();
        sessions::insert(&mut tx, session_id, &new.visitor, address_digest).await?;
        sessions::insert_token(&mut tx, session_id, &token.hash()).await?;
        let place = self.handoff.place(Lane::Rooms);
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
            let replay = async {
                tx.rollback().await?;
                let mut tx = self.begin().await?;
                let earlier = request.find(&mut tx).await?;
                let earlier = earlier.ok_or(sqlx::Error::RowNotFound)?;
                replay_creation(tx, self.limits.session_ttl, earlier).await
            };
            return replay.await.map_err(Refusal::of_a_replay);
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

    /// Counts one more message of the session.
    pub fn take_message(&self, session_id: Uuid) -> Result<(), Refusal> {
        self.messages.take(&session_id).map_err(|wait| {
            self.metrics.throttled(Throttle::MessagesPerSession);
            Refusal::RateLimited(wait)
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
            let created_at = messages::created_at(&mut tx, earlier.message_id).await;
            let created_at = created_at.map_err(|error| Refusal::from(error).of_a_replay())?;
            return Ok(StoredMessage {
                id: earlier.message_id,
                created_at,
            });
        }
        ensure_open(session.state)?;
        self.take_message(session_id)?;
        let place = self.handoff.place(Lane::Messages);
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

    /// What is told beside messages, when it is certain, without asking Postgres, that `token` opens the session and
    /// that nothing came after `message`.
    #[must_use]
    pub fn nothing_new(&self, session_id: Uuid, token: &str, message: Uuid) -> Option<Signals> {
        self.heads
            .nothing_after(session_id, &token::digest(token), message)
    }

    /// What came after `after`; from the beginning without it.
    pub async fn poll_messages(
        &self,
        session_id: Uuid,
        token: &SecretString,
        after: Option<Cursor>,
    ) -> Result<Entries, Refusal> {
        let digest = token::digest(token.expose_secret());
        if let Some(Cursor::Message(id)) = after
            && let Some(signals) = self.heads.nothing_after(session_id, &digest, id)
        {
            return Ok(Entries::none(signals));
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
        let read = self.reader.read(ask).await.inspect_err(|refusal| {
            if let Refusal::Busy = refusal {
                self.metrics.throttled(Throttle::AnswerMemory);
            }
        });
        let Some((poll, share)) = read? else {
            return Err(Refusal::SessionNotFound);
        };
        let Poll {
            session,
            marks,
            knows_cursor,
            messages,
            more,
            ..
        } = poll;
        let session = self.authenticate(Some(session), token)?;
        ensure_open(session.state)?;
        self.heads.saw(session_id);
        if !knows_cursor {
            return Err(Refusal::UnknownCursor);
        }
        if let Some(cursor) = ask.after {
            self.signaller.fetched(session_id, cursor);
        }
        if let Some(newest) = ask.after
            && messages.is_empty()
        {
            let head = Head {
                newest,
                marks,
                token: digest,
                expires_at: asked_at + session.expires_in,
            };
            self.heads.remember(&ticket, head);
        }
        Ok(Entries {
            messages,
            more,
            signals: Signals {
                marks,
                staff_typing: self.heads.staff_type(session_id),
            },
            share,
        })
    }

    /// As [`Self::poll_messages`]; where there is nothing, waits for up to `wait` for something. With `state`, another
    /// state is something, too. Answers sooner with nothing when too many wait already, or when the server is about
    /// to stop.
    pub async fn wait_for_messages(
        &self,
        session_id: Uuid,
        token: &SecretString,
        after: Option<Cursor>,
        wait: Duration,
        state: Option<&str>,
    ) -> Result<Entries, Refusal> {
        let deadline = time::Instant::now() + wait;
        let entries = self.poll_messages(session_id, token, after).await?;
        if entries.is_news(state) || wait.is_zero() {
            return Ok(entries);
        }
        // Only who may read gets a place.
        let Some(waiter) = self.heads.waiter(session_id) else {
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

    /// The visitor is typing. Staff are told soon or never.
    pub async fn set_typing(&self, session_id: Uuid, token: &SecretString) -> Result<(), Refusal> {
        let digest = token::digest(token.expose_secret());
        if !self.heads.opens(session_id, &digest) {
            self.ensure_open(session_id, token).await?;
        }
        self.signaller.typing(session_id);
        Ok(())
    }

    /// Refused unless the conversation goes on.
    pub async fn ensure_open(&self, session_id: Uuid, token: &SecretString) -> Result<(), Refusal> {
        let session =
            sessions::find(&self.shares.reads, session_id, self.limits.session_ttl).await?;
        ensure_open(self.authenticate(session, token)?.state)?;
        self.heads.saw(session_id);
        Ok(())
    }

    /// The newest entries, for a page that shows the conversation as a whole each time; with the memory for it.
    pub async fn newest_messages(
        &self,
        session_id: Uuid,
        token: &SecretString,
        max_entries: i64,
        max_bytes: i64,
    ) -> Result<(Newest, Share), Refusal> {
        self.ensure_open(session_id, token).await?;
        let Some(share) = self.budget.share(PAGE_BYTES).await else {
            self.metrics.throttled(Throttle::AnswerMemory);
            return Err(Refusal::Busy);
        };
        let newest =
            messages::list_newest(&self.shares.reads, session_id, max_entries, max_bytes).await?;
        Ok((newest, share))
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
            outbox::push(&mut tx, session_id, &Task::Rename).await?;
        }
        let committed = tx.commit().await;
        self.heads.changed(session_id);
        if let Err(error) = committed {
            self.find_out(error, session_id, async |session, _| {
                Ok(session.map(|session| session.state == State::Closed))
            })
            .await?;
        }
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

    async fn begin(&self) -> Result<Tx, sqlx::Error> {
        self.shares.writes.begin().await
    }

    /// No conversation is begun that nobody would read. Time before this server's start does not
    /// count: it could not have reached the homeserver.
    async fn ensure_relay(&self) -> Result<(), Refusal> {
        let uptime = self.started.elapsed().as_secs_f64();
        let age = storage::again_if_lost(|| sync_position::age_seconds(&self.shares.writes))
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
            (Err(error), _) => {
                self.find_out(error, session_id, async |session, db| {
                    let found = messages::exists(db, message_id).await?;
                    Ok((found || session.is_some()).then_some(found))
                })
                .await
            }
            (Ok(()), Some((claim, place))) => {
                self.handoff.send(claim, place);
                Ok(())
            }
            (Ok(()), None) => Ok(()),
        }
    }

    /// A connection that was lost while it committed leaves open whether it did, and a refusal promises
    /// that it did not. With the session's lock in hand the other transaction is over: the message is
    /// there or never will be. Without it, nothing is promised. `look` says whether it was carried out, if it can.
    async fn find_out(
        &self,
        error: sqlx::Error,
        session_id: Uuid,
        look: impl AsyncFnOnce(Option<Session>, &mut Connection) -> Result<Option<bool>, sqlx::Error>,
    ) -> Result<(), Refusal> {
        if storage::is_certain(&error) {
            return Err(error.into());
        }
        // The visitor has waited for the commit already.
        let found = time::timeout(LOOK, async {
            let mut tx = self.begin().await?;
            let locked = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
            look(locked, &mut tx).await
        });
        match found.await {
            Ok(Ok(Some(true))) => Ok(()),
            Ok(Ok(Some(false))) => Err(error.into()),
            Ok(Ok(None) | Err(_)) | Err(_) => Err(Refusal::OutcomeUnknown(Arc::new(error))),
        }
    }

    /// Deletes keys that have run out, and the messages of sessions that ended long enough ago; a
    /// batch at a time, so that nobody waits for it, and not too many. `own` is this server's time.
    pub async fn delete_old(&self, db: &Db, own: DateTime<Utc>) -> Result<(), sqlx::Error> {
        clock::advance(db, own).await?;
        for _ in 0..BATCHES {
            let deleted = storage::idempotency::delete_expired(db, own, BATCH).await?;
            if deleted < BATCH.unsigned_abs() {
                break;
            }
        }
        blocked_addresses::delete_ended(db, own, BATCH).await?;
        if let Some(retention) = self.limits.retention {
            // A creation's key counts for 24 hours, and goes with its message.
            let age = self
                .limits
                .session_ttl
                .saturating_add(retention)
                .max(Duration::from_hours(24));
            for _ in 0..BATCHES {
                let emptied = sessions::empty_older_than(db, own, age, BATCH).await?;
                if emptied < BATCH.unsigned_abs() {
                    break;
                }
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
    db: &mut Connection,
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
    mut tx: Tx,
    session_ttl: Duration,
    earlier: storage::idempotency::Earlier,
) -> Result<StartedSession, Refusal> {
    let token = SessionToken::generate();
    let replay = async {
        sessions::lock(&mut tx, earlier.session_id, session_ttl).await?;
        sessions::insert_token(&mut tx, earlier.session_id, &token.hash()).await?;
        sessions::keep_newest_tokens(&mut tx, earlier.session_id, MAX_TOKENS).await?;
        let created_at = messages::created_at(&mut tx, earlier.message_id).await?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(created_at)
    };
    let created_at = replay
        .await
        .map_err(|error| Refusal::from(error).of_a_replay())?;
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
