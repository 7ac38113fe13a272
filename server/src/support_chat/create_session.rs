//! A conversation begins: its first message, the visitor's details and its room are stored and queued together.

mod join;

use std::{net::IpAddr, time::Duration};

use app::contract::MessageBody;
use uuid::Uuid;

use super::{
    IdempotencyKey, SessionToken, StoredMessage, SupportChat, WriteError,
    admission::AdmissionError,
    idempotency::{KeyReused, Keyed},
    visitor_message,
};
use crate::{
    model::{Identity, VisitorDetails},
    relay::{
        handoff::Place,
        queue::{self, Claim, Lane, Task},
    },
    storage::{
        self, Tx, blocked_addresses, idempotency::Earlier, messages, session_identities, sessions,
        sync_position,
    },
};

/// Tokens of one session: a creation may be answered this often before the first answer's token ends.
pub(super) const MAX_TOKENS: i64 = 16;

/// Why a conversation did not begin.
#[derive(Debug, thiserror::Error)]
pub enum CreateSessionError {
    /// The key came before with another first message, or other details.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// Staff have blocked whoever writes from this address.
    #[error("conversations from this address are blocked")]
    Blocked,
    /// The homeserver has been out of reach for too long.
    #[error("the homeserver has been out of reach for too long")]
    RelayUnavailable,
    /// The challenge was not passed.
    #[error("the challenge was not passed")]
    ChallengeFailed,
    /// Too many conversations begin.
    #[error(transparent)]
    NotAdmitted(#[from] AdmissionError),
    /// The conversation is not known to be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for CreateSessionError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl CreateSessionError {
    /// The same error, where an attempt under the same key was carried out: a fault now must not say that nothing was.
    fn of_a_replay(self) -> Self {
        match self {
            Self::Write(WriteError::NothingDone(error)) => WriteError::OutcomeUnknown(error).into(),
            other => other,
        }
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
    /// The token by which a website vouches for the visitor, where there is one.
    pub identity: Option<String>,
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

impl SupportChat {
    /// Begins a conversation: stores it, and queues its room, the visitor's details and the message. A visitor for whom
    /// their website vouches goes on with the conversation that they have, on whichever device.
    pub async fn create_session(
        &self,
        new: &NewSession,
        key: Option<&IdempotencyKey>,
        address: IpAddr,
    ) -> Result<StartedSession, CreateSessionError> {
        let request = key.map(|key| key.for_creation(&new.initial_message, &new.visitor));
        if let Some(request) = &request
            && let Some(earlier) = request.find_anywhere(&self.shares.writes).await?
        {
            let tx = self.begin().await?;
            return replay(tx, self.limits.session_ttl, earlier?).await;
        }
        let identity = self.verify_identity(new.identity.as_deref());
        // It makes no room, so nothing that keeps rooms few is asked of it.
        if let Some(identity) = &identity
            && let Some(joined) = self.join_session(new, identity, request.as_ref()).await?
        {
            return Ok(joined);
        }
        let address_digest = self.admission.digest(address);
        // Before it is counted: what is blocked uses up nobody's limit.
        let blocked = storage::again_if_lost(|| {
            blocked_addresses::is_blocked(&self.shares.writes, &address_digest)
        });
        if blocked.await? {
            return Err(CreateSessionError::Blocked);
        }
        let answer = new.turnstile_token.as_deref();
        let answer = answer.filter(|answer| !answer.is_empty());
        if self.turnstile.is_some() && answer.is_none() {
            return Err(CreateSessionError::ChallengeFailed);
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
                Err(CreateSessionError::ChallengeFailed)
            }
            _ => {
                let identity = identity.as_ref();
                self.store_session(new, identity, request.as_ref(), &address_digest)
                    .await
            }
        };
        if let Err(error) = &started
            && !matches!(
                error,
                CreateSessionError::Write(WriteError::OutcomeUnknown(_))
            )
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
        identity: Option<&Identity>,
        request: Option<&Keyed>,
        address_digest: &[u8],
    ) -> Result<StartedSession, CreateSessionError> {
        let mut tx = self.begin().await?;
        if let Some(identity) = identity
            && let Some(session_id) = self.lock_open_session(&mut tx, identity).await?
        {
            // The visitor's other device was faster.
            return self.join(tx, session_id, new, identity, request).await;
        }
        let session_id = Uuid::new_v4();
        let token = SessionToken::generate();
        sessions::insert(&mut tx, session_id, &new.visitor, address_digest).await?;
        sessions::insert_token(&mut tx, session_id, &token.hash()).await?;
        if let Some(identity) = identity {
            session_identities::set(&mut tx, session_id, identity).await?;
        }
        let place = self.handoff.place(Lane::Rooms);
        let claim =
            queue::push_or_claim(&mut tx, session_id, &Task::CreateRoom, place.is_some()).await?;
        if !new.visitor.is_empty() || identity.is_some() {
            queue::push(&mut tx, session_id, &Task::Details).await?;
        }
        let first = new.initial_message.as_str();
        let (message, _) = visitor_message::store(&mut tx, session_id, first, false).await?;
        let started = StartedSession {
            session_id,
            token,
            message,
        };
        let concluded = self
            .conclude_creation(tx, started, request, claim.zip(place))
            .await?;
        if concluded.message.id == message.id {
            self.metrics.sessions_started.inc();
            tracing::info!(session_id = %session_id, message_id = %message.id, "session created");
        }
        Ok(concluded)
    }

    /// The end of the transaction: takes the request's key, and hands what was claimed to the relay.
    async fn conclude_creation(
        &self,
        mut tx: Tx,
        started: StartedSession,
        request: Option<&Keyed>,
        claimed: Option<(Claim, Place)>,
    ) -> Result<StartedSession, CreateSessionError> {
        let (session_id, message) = (started.session_id, started.message);
        if let Some(request) = request
            && !request.claim(&mut tx, session_id, message.id).await?
        {
            // The same request was faster: what this one did is undone, and it is given that one's.
            let replayed = async {
                tx.rollback().await?;
                let mut tx = self.begin().await?;
                let earlier = request.find(&mut tx).await?;
                let earlier = earlier.ok_or(sqlx::Error::RowNotFound)??;
                replay(tx, self.limits.session_ttl, earlier).await
            };
            return replayed.await.map_err(CreateSessionError::of_a_replay);
        }
        let committed = tx.commit().await;
        self.poll_cache.changed(session_id);
        self.conclude_message(committed, session_id, message.id, claimed)
            .await?;
        self.metrics.messages_accepted.inc();
        Ok(started)
    }

    /// No conversation is begun that nobody would read. Time before this server's start does not
    /// count: it could not have reached the homeserver.
    async fn ensure_relay(&self) -> Result<(), CreateSessionError> {
        let uptime = self.started.elapsed().as_secs_f64();
        let age = storage::again_if_lost(|| sync_position::age_seconds(&self.shares.writes))
            .await?
            .unwrap_or(f64::INFINITY)
            .min(uptime);
        if age > self.limits.relay_grace.as_secs_f64() {
            return Err(CreateSessionError::RelayUnavailable);
        }
        Ok(())
    }
}

/// The same session and message again, with one more token: the first cannot be shown again, and may
/// be in use.
async fn replay(
    mut tx: Tx,
    session_ttl: Duration,
    earlier: Earlier,
) -> Result<StartedSession, CreateSessionError> {
    let token = SessionToken::generate();
    let replayed = async {
        sessions::lock(&mut tx, earlier.session_id, session_ttl).await?;
        sessions::insert_token(&mut tx, earlier.session_id, &token.hash()).await?;
        sessions::keep_newest_tokens(&mut tx, earlier.session_id, MAX_TOKENS).await?;
        let created_at = messages::created_at(&mut tx, earlier.message_id).await?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(created_at)
    };
    let created_at = replayed.await.map_err(WriteError::OutcomeUnknown)?;
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
