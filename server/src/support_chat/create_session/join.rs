//! Lets a visitor whose website vouches for them continue their open conversation. The first
//! message is added to it, and the visitor gets an additional token.

use uuid::Uuid;

use super::{CreateSessionError, NewSession, StartedSession};
use crate::{
    model::{Identity, Page},
    relay::queue::Lane,
    storage::{
        self, Tx, details_notices, session_identities,
        sessions::{self, State},
    },
    support_chat::{
        AdmissionError, SendMessageError, SessionToken, SupportChat, idempotency::Keyed,
        visitor_message,
    },
};

impl SupportChat {
    /// Continues the visitor's open conversation; returns `None` if they have none.
    pub(super) async fn join_session(
        &self,
        new: &NewSession,
        identity: &Identity,
        request: Option<&Keyed>,
    ) -> Result<Option<StartedSession>, CreateSessionError> {
        let (writes, ttl) = (&self.shares.writes, self.limits.session_ttl);
        let find = storage::again_if_lost(|| {
            session_identities::open_session(writes, &identity.digest, ttl)
        });
        if find.await?.is_none() {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        match self.lock_open_session(&mut tx, identity).await? {
            Some(session_id) => {
                let joined = self.join(tx, session_id, new, identity, request).await?;
                Ok(Some(joined))
            }
            None => Ok(None),
        }
    }

    /// Finds and locks the visitor's open conversation. Until the transaction ends, no other
    /// request can begin one for the same visitor.
    pub(super) async fn lock_open_session(
        &self,
        tx: &mut Tx,
        identity: &Identity,
    ) -> Result<Option<Uuid>, sqlx::Error> {
        let ttl = self.limits.session_ttl;
        session_identities::lock(tx, &identity.digest).await?;
        let Some(session_id) =
            session_identities::open_session(&mut **tx, &identity.digest, ttl).await?
        else {
            return Ok(None);
        };
        let session = sessions::lock(tx, session_id, ttl).await?;
        // The conversation may have ended while this waited for the lock.
        let is_open = session.is_some_and(|session| session.state == State::Open);
        Ok(is_open.then_some(session_id))
    }

    /// Continues the conversation, whose lock the caller holds.
    pub(super) async fn join(
        &self,
        mut tx: Tx,
        session_id: Uuid,
        new: &NewSession,
        identity: &Identity,
        request: Option<&Keyed>,
    ) -> Result<StartedSession, CreateSessionError> {
        if let Err(SendMessageError::RateLimited(wait)) = self.take_message(session_id) {
            return Err(AdmissionError::RateLimited(wait).into());
        }
        let token = SessionToken::generate();
        sessions::insert_token(&mut tx, session_id, &token.hash()).await?;
        sessions::keep_newest_tokens(&mut tx, session_id).await?;
        if session_identities::set(&mut tx, session_id, identity).await? {
            details_notices::set_due(&mut tx, session_id).await?;
        }
        if let Some(source_url) = &new.visitor.source_url {
            let page = Page::at(source_url, new.visitor.page_title.clone());
            let (url, title) = (&page.source_url, page.title.as_deref());
            details_notices::set_page(&mut tx, session_id, url, title).await?;
        }
        let place = self.handoff.place(Lane::Messages);
        let body = new.initial_message.as_str();
        let (message, claim) =
            visitor_message::store(&mut tx, session_id, body, place.is_some()).await?;
        let started = StartedSession {
            session_id,
            token,
            message,
        };
        tracing::info!(%session_id, message_id = %message.id, "a verified visitor has continued a conversation");
        self.conclude_creation(tx, started, request, claim.zip(place))
            .await
    }
}
