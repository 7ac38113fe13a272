//! Begins a conversation. The first message, the visitor's details and the room's creation are
//! stored and queued in one transaction.

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

/// Why a conversation did not begin.
#[derive(Debug, thiserror::Error)]
pub enum CreateSessionError {
    /// The idempotency key was used before with another first message or other details.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// The visitor has had the conversation of an earlier request with the same key erased.
    #[error("the conversation was erased")]
    Erased,
    /// Staff have blocked the visitor's address.
    #[error("conversations from this address are blocked")]
    Blocked,
    /// The homeserver has been out of reach for too long.
    #[error("the homeserver has been out of reach for too long")]
    RelayUnavailable,
    /// The visitor did not pass the challenge.
    #[error("the challenge was not passed")]
    ChallengeFailed,
    /// Too many conversations begin.
    #[error(transparent)]
    NotAdmitted(#[from] AdmissionError),
    /// It is not certain that the conversation was stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for CreateSessionError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl CreateSessionError {
    /// Adapts the error for a request that an earlier attempt with the same key carried out. A
    /// fault that occurs now must not claim that nothing was done.
    fn of_a_replay(self) -> Self {
        match self {
            Self::Write(WriteError::NothingDone(error)) => WriteError::OutcomeUnknown(error).into(),
            other => other,
        }
    }
}

/// A request to begin a conversation.
#[derive(Debug)]
pub struct NewSession {
    /// The first message.
    pub initial_message: MessageBody,
    /// The visitor's details.
    pub visitor: VisitorDetails,
    /// The visitor's answer to the Turnstile challenge, if there is one.
    pub turnstile_token: Option<String>,
    /// The visitor's proof of work, if there is one.
    pub proof: Option<String>,
    /// The token by which a website vouches for the visitor, if there is one.
    pub identity: Option<String>,
}

/// A conversation that has begun.
#[derive(Debug)]
pub struct StartedSession {
    /// Its id.
    pub session_id: Uuid,
    /// Its token, which is shown only this once.
    pub token: SessionToken,
    /// The first message.
    pub message: StoredMessage,
}

impl SupportChat {
    /// Begins a conversation: stores it, and queues its room, the visitor's details and the
    /// message. A visitor whose website vouches for them continues their open conversation instead,
    /// on any device.
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
        // Continuing a conversation creates no room, so the limits on new rooms do not apply to it.
        if let Some(identity) = &identity
            && let Some(joined) = self.join_session(new, identity, request.as_ref()).await?
        {
            return Ok(joined);
        }
        let address_digest = self.admission.digest(address);
        // This comes before the counting, so that blocked addresses do not use up anybody's limit.
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
        // The count is committed first, so that concurrent requests of the same network do not wait
        // for the rest of this one.
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
        // Turnstile verifies each answer only once, so it is not spent on a request that the limits
        // refuse.
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
            // Another device of the visitor was faster.
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

    /// Ends the transaction: claims the idempotency key, commits, and hands the claimed task to the
    /// relay.
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
            // A concurrent request with the same key was faster. This one is rolled back and
            // returns the other's result.
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

    /// Refuses new conversations while the relay cannot reach the homeserver, because nobody would
    /// read them. Only the time since this server started counts, since it cannot have synced
    /// before.
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

/// Returns the session and message of an earlier attempt with an additional token. The first token
/// cannot be shown again, because only its hash is stored, and may be in use.
async fn replay(
    mut tx: Tx,
    session_ttl: Duration,
    earlier: Earlier,
) -> Result<StartedSession, CreateSessionError> {
    let token = SessionToken::generate();
    let replayed = async {
        let session = sessions::lock(&mut tx, earlier.session_id, session_ttl).await?;
        // A token would open it again.
        if session.is_none_or(|session| session.is_erased()) {
            return Ok(None);
        }
        sessions::insert_token(&mut tx, earlier.session_id, &token.hash()).await?;
        sessions::keep_newest_tokens(&mut tx, earlier.session_id).await?;
        let created_at = messages::created_at(&mut tx, earlier.message_id).await?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(Some(created_at))
    };
    let replayed = replayed.await.map_err(WriteError::OutcomeUnknown)?;
    let created_at = replayed.ok_or(CreateSessionError::Erased)?;
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
