//! Messages that crossed with a person's joining: the order in the room does not say whether they can see them.

use chrono::{DateTime, TimeDelta, Utc};

use super::Join;
use crate::matrix::{
    event::RoomEvent,
    homeserver::{Homeserver, MatrixError},
};

/// If a message was sent this shortly before or after a join, the order in the room does not say whether the person can
/// see it. A busy homeserver takes many seconds between dating a join and letting messages know of it; the price of a longer
/// time is a request for each message in it.
const CROSSING: TimeDelta = TimeDelta::minutes(1);

/// Separates what a person has missed from what they can see, including messages that crossed with their joining.
pub(super) struct Near<'a> {
    homeserver: &'a Homeserver,
    join: Join<'a>,
    /// When they joined, by the homeserver's clock.
    at: Option<DateTime<Utc>>,
    /// Whether the join was reached on the way back.
    reached: bool,
}

impl<'a> Near<'a> {
    pub(super) const fn new(
        homeserver: &'a Homeserver,
        join: Join<'a>,
        at: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            homeserver,
            join,
            at,
            reached: false,
        }
    }

    /// The events of a page of history that they missed, newest first.
    pub(super) async fn missed(
        &mut self,
        page: &[RoomEvent],
    ) -> Result<Vec<RoomEvent>, MatrixError> {
        let mut missed = Vec::new();
        for event in page {
            if event.event_id == self.join.event {
                self.reached = true;
            } else if event.state_key.is_some() {
                if self.reached {
                    missed.push(event.clone());
                } else if event.state_key.as_deref() == Some(self.join.user) {
                    // Later events are for the recap of a later joining.
                    missed.clear();
                }
            } else if self.is_missed(event).await? {
                missed.push(event.clone());
            }
        }
        Ok(missed)
    }

    async fn is_missed(&self, event: &RoomEvent) -> Result<bool, MatrixError> {
        let apart = event
            .written_at()
            .zip(self.at)
            .map(|(sent, joined)| (sent - joined).abs());
        if apart.is_some_and(|apart| apart > CROSSING) {
            return Ok(self.reached);
        }
        // Only the homeserver knows whether they were a member at this event, and that decides what it shows them.
        let Join { room, user, .. } = self.join;
        let had_joined = self.homeserver.had_joined(room, &event.event_id, user);
        Ok(!had_joined.await?)
    }
}
