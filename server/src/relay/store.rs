//! The relay's view of its storage, as a port: Postgres in the server, and a model of it in the tests of the relay's
//! rules.

mod postgres;

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use matrix_sdk::ruma::OwnedUserId;
use uuid::Uuid;

use super::queue::{Claim, End, Finished, Lane, Replaced};
use crate::{
    model::Verified,
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

pub use postgres::PostgresStore;

/// The relay's storage. Each method is one transaction: it is done as a whole or not at all, and after an error the
/// caller does not know which.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Listens for queued tasks; `None` when that is not possible now.
    async fn listen(&self) -> Option<Box<dyn News>>;

    /// See [`queue::claim`](super::queue::claim).
    async fn claim(&self, lane: Lane, limit: i64) -> Result<Vec<Claim>, sqlx::Error>;

    /// See [`queue::renew`](super::queue::renew).
    async fn renew(&self, claim: &Claim) -> Result<bool, sqlx::Error>;

    /// See [`queue::give_back`](super::queue::give_back).
    async fn give_back(&self, claims: &[Claim]) -> Result<(), sqlx::Error>;

    /// See [`queue::retry`](super::queue::retry).
    async fn retry(&self, claim: &Claim, delay: Duration) -> Result<(), sqlx::Error>;

    /// See [`queue::yield_turn`](super::queue::yield_turn).
    async fn yield_turn(&self, session_id: Uuid) -> Result<bool, sqlx::Error>;

    /// See [`queue::finish`](super::queue::finish).
    async fn finish(&self, ends: &[End]) -> Result<Vec<Finished>, sqlx::Error>;

    /// Ends a message that can never be delivered and, if no other server has done so, queues this notice behind it.
    async fn finish_failed(&self, end: &End, notice: &str) -> Result<Finished, sqlx::Error>;

    /// See [`queue::set_room_asked`](super::queue::set_room_asked).
    async fn set_room_asked(
        &self,
        claim: &Claim,
        asked: Option<DateTime<Utc>>,
    ) -> Result<bool, sqlx::Error>;

    /// See [`queue::replace_room`](super::queue::replace_room).
    async fn replace_room(&self, claim: &Claim, room_id: &str) -> Result<Replaced, sqlx::Error>;

    /// Whether the conversation still takes messages; `None` when there is no such session.
    async fn state(&self, session_id: Uuid) -> Result<Option<State>, sqlx::Error>;

    /// The texts from which the name of the conversation's room is made. The conversation gets a code if it has none.
    async fn naming(&self, session_id: Uuid) -> Result<Naming, sqlx::Error>;

    /// Where the conversation's words may stand at the homeserver.
    async fn traces(&self, session_id: Uuid) -> Result<Traces, sqlx::Error>;

    /// Asks for the bot's return to a room; `false` if it is not archived, or nobody can call the bot back.
    async fn request_return(&self, room_id: &str) -> Result<bool, sqlx::Error>;

    /// Gives the session this room, unless it has another one or had this one before. Returns the room that it has
    /// then.
    async fn set_room(
        &self,
        session_id: Uuid,
        room_id: &str,
    ) -> Result<Option<String>, sqlx::Error>;

    /// Takes this room, in which nobody except the bot ever was, from the session for good.
    async fn disown_room(&self, session_id: Uuid, room_id: &str) -> Result<(), sqlx::Error>;

    /// Those of the rooms that some session no longer uses.
    async fn former_rooms(&self, rooms: &[String]) -> Result<Vec<String>, sqlx::Error>;

    /// Those of the rooms that belong to a session, with the session.
    async fn sessions_of(&self, rooms: &[String]) -> Result<Vec<(String, Uuid)>, sqlx::Error>;

    /// Whether the relay is known to have sent one of these events in the conversation.
    async fn any_sent(&self, session_id: Uuid, event_ids: &[String]) -> Result<bool, sqlx::Error>;

    /// The person whom an answer to this event addresses.
    async fn addressee(&self, event_id: &str) -> Result<Addressee, sqlx::Error>;

    /// Those of the events that staff sent and the visitor is not shown.
    async fn not_shown(
        &self,
        session_id: Uuid,
        event_ids: &[String],
    ) -> Result<Vec<String>, sqlx::Error>;

    /// What the room was told about the visitor.
    async fn details_notice(
        &self,
        session_id: Uuid,
        room_id: &str,
    ) -> Result<Option<DetailsNotice>, sqlx::Error>;

    /// Records what the room was told about the visitor. Later edits refer to the room's first event.
    async fn record_details(
        &self,
        session_id: Uuid,
        room_id: &str,
        event_id: &str,
        told: Option<&[u8]>,
    ) -> Result<(), sqlx::Error>;

    /// The conversation's rating, if there is one, and what this room was told of it.
    async fn rating(&self, session_id: Uuid, room_id: &str) -> Result<Option<Stored>, sqlx::Error>;

    /// Records what the room was told of the rating. The room's first event stays the one that is edited.
    async fn record_rating_told(
        &self,
        session_id: Uuid,
        room_id: &str,
        event_id: &str,
        told: Option<&[u8]>,
    ) -> Result<(), sqlx::Error>;

    /// Whom the website vouches for in the conversation, if it does.
    async fn verified(&self, session_id: Uuid) -> Result<Option<Verified>, sqlx::Error>;

    /// The newest texts that have reached the room, or came from there, newest first; of these messages only, where
    /// they are named.
    async fn newest_said(
        &self,
        session_id: Uuid,
        only: Option<&[Uuid]>,
        limit: i64,
    ) -> Result<Vec<Said>, sqlx::Error>;

    /// How many texts have reached the room, or came from there; of these messages only, where they are named.
    async fn count_said(&self, session_id: Uuid, only: Option<&[Uuid]>)
    -> Result<i64, sqlx::Error>;

    /// The staff in the configuration of the server that started last; empty before the first start.
    async fn staff(&self) -> Result<Vec<OwnedUserId>, sqlx::Error>;

    /// Records the people who belong in a new room. For a while only the caller invites those who are still to be
    /// invited.
    async fn begin_staff(
        &self,
        session_id: Uuid,
        members: &[(&str, Membership)],
    ) -> Result<(), sqlx::Error>;

    /// Records the result of an invitation.
    async fn record_invited(
        &self,
        session_id: Uuid,
        user_id: &str,
        membership: Membership,
    ) -> Result<(), sqlx::Error>;

    /// Makes these people the staff.
    async fn set_staff(&self, staff: &[&str]) -> Result<(), sqlx::Error>;

    /// Compares the people in the rooms with those who belong there: missing ones are to be invited, and those who no
    /// longer belong are to be removed.
    async fn tidy_staff(
        &self,
        people: &[&str],
        canary: Option<Canary<'_>>,
    ) -> Result<(), sqlx::Error>;

    /// Up to `limit` people who are to be invited now. For a while no other server gets them.
    async fn claim_invitations(
        &self,
        people: &[&str],
        limit: i64,
    ) -> Result<Vec<Wanted>, sqlx::Error>;

    /// Up to `limit` people who are to be removed now. For a while no other server gets them.
    async fn claim_removals(&self, limit: i64) -> Result<Vec<Wanted>, sqlx::Error>;

    /// Records that a person was removed.
    async fn record_removed(&self, unwanted: &Wanted) -> Result<(), sqlx::Error>;

    /// Records that an invitation or a removal has failed, and when the next attempt is due.
    async fn postpone_invitation(
        &self,
        wanted: &Wanted,
        errcode: &str,
        delay: Duration,
    ) -> Result<(), sqlx::Error>;
}

/// News of sessions that have something to send.
#[async_trait]
pub trait News: Debug + Send {
    /// The next session for which a task was queued; `None` when no more news will come. No news is lost when the
    /// future is dropped.
    async fn next(&mut self) -> Option<Uuid>;
}
