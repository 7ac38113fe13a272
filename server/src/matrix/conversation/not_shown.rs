//! The hints for staff about messages that the visitor is not shown.

use incoming::event::Unshown;

use super::{Conversation, Incoming, Outcome};
use crate::storage::{
    Connection,
    staff_told::{self, OnceInRoom},
};

impl Conversation {
    /// Tells staff that a message was not shown, each time or once in a room.
    pub(super) async fn tell_not_shown(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        unshown: Unshown,
    ) -> Result<Outcome, sqlx::Error> {
        if let Some(internal) = self.answered(db, incoming.event).await? {
            // Nobody expects the visitor to see a colleague's reaction.
            return Ok(Outcome::internal(internal));
        }
        let once = match unshown {
            Unshown::Reaction => Some(OnceInRoom::Reactions),
            // Each device that takes part sends an event.
            Unshown::Call if incoming.event.state_key.is_some() => Some(OnceInRoom::Calls),
            // Clients that share a position send it every few seconds.
            Unshown::Place if incoming.event.is_beacon() => Some(OnceInRoom::Places),
            _ => None,
        };
        let is_told = match once {
            Some(what) => staff_told::first_time(db, self.session_id, what).await?,
            None => true,
        };
        if is_told {
            let text = incoming.rules.texts.not_shown(unshown);
            self.answer(db, incoming, &text).await?;
        }
        Ok(Outcome::default())
    }
}
