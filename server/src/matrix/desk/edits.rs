//! The edits that make lines show what they have to.

use std::collections::HashMap;

use tokio::time::Instant;
use uuid::Uuid;

use super::{Desk, Failure, Shift, lines::Wanted, say};
use crate::storage::desk::{
    lines::{self, Facts, Which},
    room::DeskRoom,
};

/// Lines that are edited in one turn: whoever asks for something in the desk waits for no more.
const EDITS: usize = 20;

impl Desk {
    /// Makes lines show what they have to.
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
                // The conversation was deleted meanwhile.
                shift.pace.forget(id);
                continue;
            };
            match self.edit_line(desk, &facts).await {
                Ok(true) => shift.pace.edited(id, Instant::now()),
                Ok(false) => shift.pace.agrees(id),
                Err(Failure::Matrix(error)) if !error.concerns_all_rooms() => {
                    tracing::warn!(session_id = %id, %error, "a line cannot be edited yet");
                    shift.pace.failed(id, Instant::now());
                    // Whether it is the desk that is lost is looked at in the next turn.
                    shift.inspected = None;
                    last = Err(error.into());
                }
                Err(failure) => return Err(failure),
            }
        }
        last
    }

    /// Makes a line show what it has to; `false` when it does.
    ///
    /// The homeserver may carry out an edit whose answer was lost at any time, also after the next one. So that edit
    /// is repeated until it is answered, before another one follows.
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
            // It says this or what it said the first time.
        }
        let Some(number) = lines::begin_edit(&self.pool, id, line.edits, &digest).await? else {
            // Another server works at the desk now.
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

/// The Matrix transaction of an edit: an attempt that is repeated is the same edit, as long as it says the same.
fn edit_id(session_id: Uuid, number: i32, says: &[u8]) -> String {
    let says: u64 = says
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{session_id}.{number}.{says:x}")
}
