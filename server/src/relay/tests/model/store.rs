//! A server's connection to the model.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use matrix_sdk::ruma::OwnedUserId;
use tokio::{sync::mpsc, time};
use uuid::Uuid;

use super::Database;
use crate::{
    model::Verified,
    relay::{
        queue::{Claim, End, Finished, Lane, Replaced},
        store::{News, Store},
    },
    storage::{
        configured_staff::Canary,
        details_notices::DetailsNotice,
        erasure::Traces,
        matrix_events::Addressee,
        ratings::Stored,
        sessions::{Naming, State},
        staff_members::{Membership, Wanted},
        transcript::Said,
    },
};

/// What happens to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseFate {
    /// It is committed after this time.
    Committed(Duration),
    /// It fails, and nothing is done.
    Failed,
    /// It is committed, and the answer is lost.
    AnswerLost,
    /// No answer ever comes: the server is dead, and its connection with it.
    Dead,
}

type Decide = Arc<dyn Fn() -> DatabaseFate + Send + Sync>;

/// A server's connection.
#[derive(Clone)]
pub(crate) struct ModelStore {
    database: Arc<Mutex<Database>>,
    decide: Decide,
}

impl fmt::Debug for ModelStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelStore").finish_non_exhaustive()
    }
}

impl ModelStore {
    /// A connection that decides the fate of each transaction in this way.
    pub(crate) fn new(
        database: Arc<Mutex<Database>>,
        decide: impl Fn() -> DatabaseFate + Send + Sync + 'static,
    ) -> Self {
        Self {
            database,
            decide: Arc::new(decide),
        }
    }

    fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn transaction<T>(
        &self,
        work: impl FnOnce(&mut Database) -> T + Send,
    ) -> Result<T, sqlx::Error> {
        match (self.decide)() {
            DatabaseFate::Committed(after) => {
                time::sleep(after / 2).await;
                // A server that has died meanwhile does nothing more.
                if (self.decide)() == DatabaseFate::Dead {
                    return std::future::pending().await;
                }
                let result = work(&mut self.database());
                time::sleep(after / 2).await;
                Ok(result)
            }
            DatabaseFate::Failed => Err(sqlx::Error::PoolTimedOut),
            DatabaseFate::AnswerLost => {
                work(&mut self.database());
                Err(sqlx::Error::PoolTimedOut)
            }
            DatabaseFate::Dead => std::future::pending().await,
        }
    }
}

#[derive(Debug)]
struct ModelNews(mpsc::UnboundedReceiver<Uuid>);

#[async_trait]
impl News for ModelNews {
    async fn next(&mut self) -> Option<Uuid> {
        self.0.recv().await
    }
}

#[async_trait]
impl Store for ModelStore {
    async fn listen(&self) -> Option<Box<dyn News>> {
        let news = self.transaction(Database::listen).await.ok()?;
        Some(Box::new(ModelNews(news)))
    }

    async fn claim(&self, lane: Lane, limit: i64) -> Result<Vec<Claim>, sqlx::Error> {
        self.transaction(|database| database.claim(lane, limit))
            .await
    }

    async fn renew(&self, claim: &Claim) -> Result<bool, sqlx::Error> {
        self.transaction(|database| database.renew(claim)).await
    }

    async fn give_back(&self, claims: &[Claim]) -> Result<(), sqlx::Error> {
        self.transaction(|database| database.give_back(claims))
            .await
    }

    async fn retry(&self, claim: &Claim, delay: Duration) -> Result<(), sqlx::Error> {
        self.transaction(|database| database.retry(claim, delay))
            .await
    }

    async fn yield_turn(&self, session_id: Uuid) -> Result<bool, sqlx::Error> {
        self.transaction(|database| database.yield_turn(session_id))
            .await
    }

    async fn finish(&self, ends: &[End]) -> Result<Vec<Finished>, sqlx::Error> {
        self.transaction(|database| database.finish(ends)).await
    }

    async fn finish_failed(&self, end: &End, notice: &str) -> Result<Finished, sqlx::Error> {
        self.transaction(|database| database.finish_failed(end, notice))
            .await
    }

    async fn set_room_asked(
        &self,
        claim: &Claim,
        asked_own: Option<DateTime<Utc>>,
    ) -> Result<bool, sqlx::Error> {
        self.transaction(|database| database.set_room_asked(claim, asked_own))
            .await
    }

    async fn replace_room(&self, claim: &Claim, room_id: &str) -> Result<Replaced, sqlx::Error> {
        self.transaction(|database| database.replace_room(claim, room_id))
            .await
    }

    async fn state(&self, session_id: Uuid) -> Result<Option<State>, sqlx::Error> {
        self.transaction(|database| database.state(session_id))
            .await
    }

    async fn naming(&self, session_id: Uuid) -> Result<Naming, sqlx::Error> {
        self.transaction(|database| database.naming(session_id))
            .await
    }

    /// The model has no archive.
    async fn request_return(&self, _room_id: &str) -> Result<bool, sqlx::Error> {
        Ok(false)
    }

    async fn traces(&self, session_id: Uuid) -> Result<Traces, sqlx::Error> {
        self.transaction(|database| database.traces(session_id))
            .await
    }

    async fn set_room(
        &self,
        session_id: Uuid,
        room_id: &str,
    ) -> Result<Option<String>, sqlx::Error> {
        self.transaction(|database| database.set_room(session_id, room_id))
            .await
    }

    async fn disown_room(&self, session_id: Uuid, room_id: &str) -> Result<(), sqlx::Error> {
        self.transaction(|database| database.disown_room(session_id, room_id))
            .await
    }

    async fn former_rooms(&self, rooms: &[String]) -> Result<Vec<String>, sqlx::Error> {
        self.transaction(|database| database.former_rooms(rooms))
            .await
    }

    async fn sessions_of(&self, rooms: &[String]) -> Result<Vec<(String, Uuid)>, sqlx::Error> {
        self.transaction(|database| database.sessions_of(rooms))
            .await
    }

    async fn any_sent(&self, session_id: Uuid, event_ids: &[String]) -> Result<bool, sqlx::Error> {
        self.transaction(|database| database.any_sent(session_id, event_ids))
            .await
    }

    async fn addressee(&self, _event_id: &str) -> Result<Addressee, sqlx::Error> {
        self.transaction(|_| Addressee::default()).await
    }

    async fn not_shown(
        &self,
        _session_id: Uuid,
        _event_ids: &[String],
    ) -> Result<Vec<String>, sqlx::Error> {
        self.transaction(|_| Vec::new()).await
    }

    async fn details_notice(
        &self,
        session_id: Uuid,
        room_id: &str,
    ) -> Result<Option<DetailsNotice>, sqlx::Error> {
        self.transaction(|database| database.details_of(session_id, room_id))
            .await
    }

    async fn record_details(
        &self,
        session_id: Uuid,
        room_id: &str,
        event_id: &str,
        told: Option<&[u8]>,
    ) -> Result<(), sqlx::Error> {
        let told = told.map(<[u8]>::to_vec);
        self.transaction(|database| database.record_details(session_id, room_id, event_id, told))
            .await
    }

    // The model knows neither ratings nor whom a website vouches for.
    async fn rating(&self, _: Uuid, _: &str) -> Result<Option<Stored>, sqlx::Error> {
        Ok(None)
    }

    async fn record_rating_told(
        &self,
        _: Uuid,
        _: &str,
        _: &str,
        _: Option<&[u8]>,
    ) -> Result<(), sqlx::Error> {
        Ok(())
    }

    async fn verified(&self, _: Uuid) -> Result<Option<Verified>, sqlx::Error> {
        Ok(None)
    }

    async fn newest_said(
        &self,
        session_id: Uuid,
        only: Option<&[Uuid]>,
        limit: i64,
    ) -> Result<Vec<Said>, sqlx::Error> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let said = self.transaction(|database| database.said(session_id, only));
        Ok(said.await?.into_iter().take(limit).collect())
    }

    async fn count_said(
        &self,
        session_id: Uuid,
        only: Option<&[Uuid]>,
    ) -> Result<i64, sqlx::Error> {
        let said = self.transaction(|database| database.said(session_id, only));
        Ok(i64::try_from(said.await?.len()).unwrap_or(i64::MAX))
    }

    async fn staff(&self) -> Result<Vec<OwnedUserId>, sqlx::Error> {
        let staff = self.transaction(|database| database.staff()).await?;
        let staff = staff.into_iter().map(OwnedUserId::try_from);
        Ok(staff.filter_map(Result::ok).collect())
    }

    async fn begin_staff(
        &self,
        session_id: Uuid,
        members: &[(&str, Membership)],
    ) -> Result<(), sqlx::Error> {
        let members = members.iter().map(|(id, is)| ((*id).to_owned(), *is));
        let members = members.collect();
        self.transaction(|database| database.begin_staff(session_id, members))
            .await
    }

    async fn record_invited(
        &self,
        session_id: Uuid,
        user_id: &str,
        membership: Membership,
    ) -> Result<(), sqlx::Error> {
        self.transaction(|database| database.record_invited(session_id, user_id, membership))
            .await
    }

    async fn set_staff(&self, staff: &[&str]) -> Result<(), sqlx::Error> {
        let staff = staff.iter().map(|user_id| (*user_id).to_owned()).collect();
        self.transaction(|database| database.set_staff(staff)).await
    }

    async fn tidy_staff(
        &self,
        _people: &[&str],
        _canary: Option<Canary<'_>>,
    ) -> Result<(), sqlx::Error> {
        self.transaction(|_| ()).await
    }

    async fn claim_invitations(
        &self,
        people: &[&str],
        limit: i64,
    ) -> Result<Vec<Wanted>, sqlx::Error> {
        let people: Vec<_> = people.iter().map(|user_id| (*user_id).to_owned()).collect();
        self.transaction(|database| database.claim_invitations(&people, limit))
            .await
    }

    async fn claim_removals(&self, _limit: i64) -> Result<Vec<Wanted>, sqlx::Error> {
        self.transaction(|_| Vec::new()).await
    }

    async fn record_removed(&self, _unwanted: &Wanted) -> Result<(), sqlx::Error> {
        self.transaction(|_| ()).await
    }

    async fn postpone_invitation(
        &self,
        wanted: &Wanted,
        _errcode: &str,
        delay: Duration,
    ) -> Result<(), sqlx::Error> {
        self.transaction(|database| database.postpone_invitation(wanted, delay))
            .await
    }
}
