//! What staff have to know and no conversation's room can say: said in the desk once, for all conversations together.

use std::time::Duration;

use tokio::time::Instant;

use super::{Desk, Failure, Shift, TIDY, is_due, say};
use crate::storage::desk::{
    alerts::{self, Kind},
    commands,
    messages::{self, Saying},
    room::DeskRoom,
};

/// How often is looked for something to tell.
const LOOK: Duration = Duration::from_secs(10);
/// The least time between two messages of one kind.
const PAUSE: Duration = Duration::from_mins(5);
/// Conversations that are named in one message.
const NAMED: usize = 10;

impl Desk {
    /// Tells staff what is wrong and was not told before.
    pub(super) async fn look_for_alerts(
        &self,
        desk: &DeskRoom,
        shift: &mut Shift,
    ) -> Result<(), Failure> {
        if !is_due(shift.looked_for_alerts, LOOK) {
            return Ok(());
        }
        shift.looked_for_alerts = Some(Instant::now());
        let mut last = Ok(());
        for kind in Kind::ALL {
            let told = self.tell_of(kind, desk, shift).await;
            last = last.and(told);
        }
        last
    }

    async fn tell_of(&self, kind: Kind, desk: &DeskRoom, shift: &Shift) -> Result<(), Failure> {
        let mut subjects = alerts::current(&self.pool, kind, self.session_ttl).await?;
        if kind == Kind::Invitation {
            subjects.extend(shift.members.cannot_be_invited());
        }
        subjects.sort();
        subjects.dedup();
        let mut tx = self.pool.begin().await?;
        let news = alerts::news(&mut tx, kind, &subjects, PAUSE).await?;
        if !news.is_empty() {
            let text = Saying::Alert(words(kind, news));
            messages::push(&mut *tx, &desk.room_id, &text).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets commands of long ago.
    pub(super) async fn tidy(&self, shift: &mut Shift) -> Result<(), Failure> {
        if is_due(shift.tidied, TIDY) {
            commands::forget_old(&self.pool).await?;
            shift.tidied = Some(Instant::now());
        }
        Ok(())
    }
}

fn words(kind: Kind, mut subjects: Vec<String>) -> String {
    subjects.sort();
    let those = match kind {
        Kind::Invitation => subjects.iter().map(|id| say::localpart(id)).collect(),
        // Of a room whose conversation is not known, there is no code.
        _ => named(&subjects),
    };
    let list = |names: &[&str]| {
        let more = names.len().saturating_sub(NAMED);
        let named = names[..names.len() - more].join(", ");
        match more {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    };
    let who = list(&those);
    match kind {
        Kind::Invitation => format!(
            "These members of the staff cannot be invited: {who}. Do they block invitations, or ignore the bot? \
             The bot keeps trying."
        ),
        Kind::Nobody => format!(
            "The visitor writes, and nobody of the staff is in the room: {who}. All are invited again."
        ),
        Kind::Delivery => {
            format!(
                "What the visitor wrote does not reach the room: {who}. The server's log says why."
            )
        }
        Kind::Mail => format!(
            "The visitor has left and cannot be mailed that an answer waits: {who}. The server's log says why."
        ),
        Kind::Quarantine => format!(
            "What staff wrote could not be taken in, so the visitor does not get it: {who}. It is in quarantine, \
             see the server's log."
        ),
    }
}

fn named(codes: &[String]) -> Vec<&str> {
    let codes = codes.iter().map(String::as_str);
    codes
        .map(|code| if code.is_empty() { "a room" } else { code })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_conversations_are_told_of_in_one_message() {
        let codes = (0..12).map(|n| format!("K{n:03}")).collect();
        let text = words(Kind::Nobody, codes);
        assert!(
            text.contains("K000, K001, K002, K003, K004, K005, K006, K007, K008, K009 and 2 more."),
            "{text}"
        );
        let text = words(Kind::Quarantine, vec![String::new()]);
        assert!(text.contains("a room"), "{text}");
        let text = words(Kind::Invitation, vec!["@alice:localhost".to_owned()]);
        assert!(text.contains(": alice."), "{text}");
    }
}
