//! What staff are told of what they send and the visitor is not shown.

use incoming::event::Unshown;

use super::{Conversation, Incoming, Outcome};
use crate::storage::{
    Connection,
    staff_told::{self, OnceInRoom},
};

impl Conversation {
    /// Says that something was not shown, each time or once in the room.
    pub(super) async fn tell_not_shown(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        unshown: Unshown,
    ) -> Result<Outcome, sqlx::Error> {
        if let Some(internal) = self.answered(db, incoming.event).await? {
            // Nobody takes a colleague's reaction for something that the visitor sees.
            return Ok(Outcome::internal(internal));
        }
        let once = match unshown {
            Unshown::Reaction => Some(OnceInRoom::Reactions),
            // Each device that takes part says so again.
            Unshown::Call if incoming.event.state_key.is_some() => Some(OnceInRoom::Calls),
            // Clients that share where they are send it every few seconds.
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
