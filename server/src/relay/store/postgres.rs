//! The relay's storage in Postgres.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use matrix_sdk::ruma::OwnedUserId;
use uuid::Uuid;

use super::{News, Store};
use crate::{
    model::Verified,
    relay::queue::{self, CHANNEL, Claim, End, Finished, Lane, Replaced, Task},
    storage::{
        Heard, Listener, Shares, archived_rooms,
        configured_staff::{self, Canary},
        details_notices::{self, DetailsNotice},
        erasure::{self, Traces},
        matrix_events::{self, Addressee},
        ratings::{self, Stored},
        session_identities, session_rooms,
        sessions::{self, Naming, State},
        staff_members::{self, Membership, Wanted},
        transcript::{self, Said},
    },
};

/// The relay's storage in Postgres.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    shares: Shares,
    session_ttl: Duration,
}

impl PostgresStore {
    /// A store for sessions that live this long after their last message.
    #[must_use]
    pub const fn new(shares: Shares, session_ttl: Duration) -> Self {
        Self {
            shares,
            session_ttl,
        }
    }
}

#[async_trait]
impl News for Listener {
    async fn next(&mut self) -> Option<Uuid> {
        loop {
            match Self::next(self).await {
                Ok(Heard::News(session_id)) => {
                    if let Ok(session_id) = session_id.parse() {
                        return Some(session_id);
                    }
                }
                Ok(Heard::Proof(_)) => {}
                Err(_) => return None,
            }
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn listen(&self) -> Option<Box<dyn News>> {
        let listener = Listener::connect(&self.shares.connector, &self.shares.reads, CHANNEL).await;
        Some(Box::new(listener.ok()?))
    }

    async fn claim(&self, lane: Lane, limit: i64) -> Result<Vec<Claim>, sqlx::Error> {
        queue::claim(&self.shares.relay, lane, limit).await
    }

    async fn renew(&self, claim: &Claim) -> Result<bool, sqlx::Error> {
        queue::renew(&self.shares.relay, claim).await
    }

    async fn give_back(&self, claims: &[Claim]) -> Result<(), sqlx::Error> {
        queue::give_back(&self.shares.relay, claims).await
    }

    async fn retry(&self, claim: &Claim, delay: Duration) -> Result<(), sqlx::Error> {
        queue::retry(&self.shares.relay, claim, delay).await
    }

    async fn yield_turn(&self, session_id: Uuid) -> Result<bool, sqlx::Error> {
        queue::yield_turn(&self.shares.relay, session_id).await
    }

    async fn finish(&self, ends: &[End]) -> Result<Vec<Finished>, sqlx::Error> {
        queue::finish(&self.shares.relay, ends).await
    }

    async fn finish_failed(&self, end: &End, notice: &str) -> Result<Finished, sqlx::Error> {
        let session_id = end.claim.subject.id;
        let mut tx = self.shares.relay.begin().await?;
        // This lock orders the positions: no message that is stored meanwhile may come before the notice.
        sessions::lock(&mut tx, session_id, Duration::ZERO).await?;
        let finished = queue::finish(&mut *tx, std::slice::from_ref(end)).await?;
        let finished = finished.into_iter().next().unwrap_or_default();
        // Another server may have recorded the end first, and a different one.
        if finished.message_ended {
            queue::push(&mut tx, session_id, &Task::Notice(notice.to_owned())).await?;
        }
        tx.commit().await?;
        Ok(finished)
    }

    async fn set_room_asked(
        &self,
        claim: &Claim,
        asked: Option<DateTime<Utc>>,
    ) -> Result<bool, sqlx::Error> {
        queue::set_room_asked(&self.shares.relay, claim, asked).await
    }

    async fn replace_room(&self, claim: &Claim, room_id: &str) -> Result<Replaced, sqlx::Error> {
        let mut tx = self.shares.relay.begin().await?;
        let replaced = queue::replace_room(&mut tx, claim, room_id, self.session_ttl).await?;
        tx.commit().await?;
        Ok(replaced)
    }

    async fn state(&self, session_id: Uuid) -> Result<Option<State>, sqlx::Error> {
        let session = sessions::find(&self.shares.relay, session_id, self.session_ttl).await?;
        Ok(session.map(|session| session.state))
    }

    async fn naming(&self, session_id: Uuid) -> Result<Naming, sqlx::Error> {
        sessions::naming(&self.shares.relay, session_id).await
    }

    async fn traces(&self, session_id: Uuid) -> Result<Traces, sqlx::Error> {
        erasure::traces(&self.shares.relay, session_id).await
    }

    async fn request_return(&self, room_id: &str) -> Result<bool, sqlx::Error> {
        let mut db = self.shares.relay.acquire().await?;
        archived_rooms::request_return(&mut db, room_id).await
    }

    async fn set_room(
        &self,
        session_id: Uuid,
        room_id: &str,
    ) -> Result<Option<String>, sqlx::Error> {
        session_rooms::set_room(&self.shares.relay, session_id, room_id).await
    }

    async fn disown_room(&self, session_id: Uuid, room_id: &str) -> Result<(), sqlx::Error> {
        session_rooms::disown_room(&self.shares.relay, session_id, room_id).await
    }

    async fn former_rooms(&self, rooms: &[String]) -> Result<Vec<String>, sqlx::Error> {
        session_rooms::former_rooms(&self.shares.relay, rooms).await
    }

    async fn sessions_of(&self, rooms: &[String]) -> Result<Vec<(String, Uuid)>, sqlx::Error> {
        session_rooms::of_rooms(&self.shares.relay, rooms).await
    }

    async fn any_sent(&self, session_id: Uuid, event_ids: &[String]) -> Result<bool, sqlx::Error> {
        matrix_events::any_sent(&self.shares.relay, session_id, event_ids).await
    }

    async fn addressee(&self, event_id: &str) -> Result<Addressee, sqlx::Error> {
        matrix_events::addressee(&self.shares.relay, event_id).await
    }

    async fn not_shown(
        &self,
        session_id: Uuid,
        event_ids: &[String],
    ) -> Result<Vec<String>, sqlx::Error> {
        matrix_events::not_shown(&self.shares.relay, session_id, event_ids).await
    }

    async fn details_notice(
        &self,
        session_id: Uuid,
        room_id: &str,
    ) -> Result<Option<DetailsNotice>, sqlx::Error> {
        details_notices::find(&self.shares.relay, session_id, room_id).await
    }

    async fn record_details(
        &self,
        session_id: Uuid,
        room_id: &str,
        event_id: &str,
        told: Option<&[u8]>,
    ) -> Result<(), sqlx::Error> {
        details_notices::record(&self.shares.relay, session_id, room_id, event_id, told).await
    }

    async fn rating(&self, session_id: Uuid, room_id: &str) -> Result<Option<Stored>, sqlx::Error> {
        ratings::of_room(&self.shares.relay, session_id, room_id).await
    }

    async fn record_rating_told(
        &self,
        session_id: Uuid,
        room_id: &str,
        event_id: &str,
        told: Option<&[u8]>,
    ) -> Result<(), sqlx::Error> {
        ratings::record_told(&self.shares.relay, session_id, room_id, event_id, told).await
    }

    async fn verified(&self, session_id: Uuid) -> Result<Option<Verified>, sqlx::Error> {
        session_identities::find(&self.shares.relay, session_id).await
    }

    async fn newest_said(
        &self,
        session_id: Uuid,
        only: Option<&[Uuid]>,
        limit: i64,
    ) -> Result<Vec<Said>, sqlx::Error> {
        transcript::newest(&self.shares.relay, session_id, only, limit).await
    }

    async fn count_said(
        &self,
        session_id: Uuid,
        only: Option<&[Uuid]>,
    ) -> Result<i64, sqlx::Error> {
        transcript::count(&self.shares.relay, session_id, only).await
    }

    async fn staff(&self) -> Result<Vec<OwnedUserId>, sqlx::Error> {
        let staff = configured_staff::list(&self.shares.relay).await?;
        // The stored ids were parsed when the configuration was read.
        let staff = staff.into_iter().map(OwnedUserId::try_from);
        Ok(staff.filter_map(Result::ok).collect())
    }

    async fn begin_staff(
        &self,
        session_id: Uuid,
        members: &[(&str, Membership)],
    ) -> Result<(), sqlx::Error> {
        staff_members::begin(&self.shares.relay, session_id, members).await
    }

    async fn record_invited(
        &self,
        session_id: Uuid,
        user_id: &str,
        membership: Membership,
    ) -> Result<(), sqlx::Error> {
        staff_members::record(&self.shares.relay, session_id, user_id, membership).await
    }

    async fn set_staff(&self, staff: &[&str]) -> Result<(), sqlx::Error> {
        configured_staff::set(&self.shares.relay, staff).await
    }

    async fn tidy_staff(
        &self,
        people: &[&str],
        canary: Option<Canary<'_>>,
    ) -> Result<(), sqlx::Error> {
        let mut db = self.shares.relay.acquire().await?;
        configured_staff::apply(&mut db, canary, self.session_ttl).await?;
        staff_members::forget_needless(&mut db, people, self.session_ttl).await
    }

    async fn claim_invitations(
        &self,
        people: &[&str],
        limit: i64,
    ) -> Result<Vec<Wanted>, sqlx::Error> {
        staff_members::claim(&self.shares.relay, people, self.session_ttl, limit).await
    }

    async fn claim_removals(&self, limit: i64) -> Result<Vec<Wanted>, sqlx::Error> {
        staff_members::claim_unwanted(&self.shares.relay, self.session_ttl, limit).await
    }

    async fn record_removed(&self, unwanted: &Wanted) -> Result<(), sqlx::Error> {
        configured_staff::record_removed(&self.shares.relay, unwanted).await
    }

    async fn postpone_invitation(
        &self,
        wanted: &Wanted,
        errcode: &str,
        delay: Duration,
    ) -> Result<(), sqlx::Error> {
        staff_members::postpone(&self.shares.relay, wanted, errcode, delay).await
    }
}
