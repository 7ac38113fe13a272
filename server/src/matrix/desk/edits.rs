//! Edits the lines that no longer show how their conversations stand.

use std::collections::HashMap;

use tokio::time::Instant;
use uuid::Uuid;

use super::{Desk, Failure, Shift, lines::Wanted, say};
use crate::storage::desk::{
    facts::{Facts, Which},
    lines,
    room::DeskRoom,
};

/// How many lines one turn edits at most, so that an answer to a command waits no longer than that.
const EDITS: usize = 20;

impl Desk {
    /// Edits the lines that are due.
    pub(super) async fn edit_lines(
        &self,
        desk: &DeskRoom,
        shift: &mut Shift,
    ) -> Result<(), Failure> {
        let mut due = shift.pace.due(Instant::now());
        due.truncate(EDITS);
        let mut facts: HashMap<_, _> = self
            .facts(Which::These(&due), desk)
            .await?
            .into_iter()
            .map(|facts| (facts.session_id, facts))
            .collect();
        let mut last = Ok(());
        for id in due {
            let Some(facts) = facts.remove(&id) else {
                // Retention has deleted the conversation meanwhile.
                shift.pace.forget(id);
                continue;
            };
            match self.edit_line(desk, &facts).await {
                Ok(true) => shift.pace.edited(id, Instant::now()),
                Ok(false) => shift.pace.agrees(id),
                Err(Failure::Matrix(error)) if !error.concerns_all_rooms() => {
                    tracing::warn!(session_id = %id, %error, "a line cannot be edited yet");
                    shift.pace.failed(id, Instant::now());
                    // The next turn inspects the room, since the failure may mean that the desk is
                    // lost.
                    shift.inspected = None;
                    last = Err(error.into());
                }
                Err(failure) => return Err(failure),
            }
        }
        last
    }

    /// Edits a line unless it is up to date already, and says whether it did.
    ///
    /// The homeserver may still carry out an edit whose answer was lost, even after a later edit.
    /// The same edit is therefore repeated until the homeserver answers it, and only then does
    /// another one follow.
    async fn edit_line(&self, desk: &DeskRoom, facts: &Facts) -> Result<bool, Failure> {
        let (Some(wanted), Some(line)) = (Wanted::of(facts), &facts.line) else {
            return Ok(false);
        };
        let Some(event_id) = line
            .event_id
            .as_ref()
            .filter(|_| line.room_id == desk.room_id)
        else {
            return Ok(false);
        };
        let (id, digest) = (facts.session_id, wanted.digest());
        if line.shown.as_ref() == Some(&digest) {
            return Ok(false);
        }
        let content = say::edit(event_id, &self.line(&wanted).await);
        let edited = lines::edited(&self.pool, id, &digest, wanted.is_over(), facts.read_at);
        if let Some(sending) = &line.sending {
            let txn_id = edit_id(id, line.edits, sending);
            self.send(desk, &txn_id, &content).await?;
            if *sending == digest {
                edited.await?;
                return Ok(true);
            }
            // The repeated edit did not bring the line up to date, because it carried an older
            // content.
        }
        let Some(number) = lines::begin_edit(&self.pool, id, line.edits, &digest).await? else {
            // Another server has begun an edit, so it works at the desk now.
            return Ok(false);
        };
        match self
            .send(desk, &edit_id(id, number, &digest), &content)
            .await
        {
            Ok(_) => edited.await?,
            Err(failure) => {
                if matches!(&failure, Failure::Matrix(error) if error.kind().is_some() && !error.is_unanswered())
                {
                    lines::refused(&self.pool, id, line).await?;
                }
                return Err(failure);
            }
        }
        Ok(true)
    }
}

/// The Matrix transaction id of an edit. A repeated attempt has the same id as long as its content
/// is the same.
fn edit_id(session_id: Uuid, number: i32, says: &[u8]) -> String {
    let says: u64 = says
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{session_id}.{number}.{says:x}")
}
