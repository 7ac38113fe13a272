//! Alerts about faults that no conversation's room can show. The desk posts each one once for all
//! conversations that it concerns.

use std::time::Duration;

use tokio::time::Instant;

use super::{Desk, Failure, Shift, TIDY, is_due, say};
use crate::storage::desk::{
    alerts::{self, Kind},
    commands,
    messages::{self, Saying},
    room::DeskRoom,
};

/// How often the desk looks for faults.
const LOOK: Duration = Duration::from_secs(10);
/// The minimum time between two alerts of one kind.
const PAUSE: Duration = Duration::from_mins(5);

impl Desk {
    /// Posts the faults that staff have not been told about yet.
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
            let text = Saying::Alert(self.alert(kind, news));
            messages::push(&mut *tx, &desk.room_id, &text).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    fn alert(&self, kind: Kind, mut subjects: Vec<String>) -> String {
        subjects.sort();
        let named = subjects.iter().map(|subject| match kind {
            Kind::Invitation => say::localpart(subject),
            // These subjects are the codes of conversations.
            Kind::Nobody | Kind::Delivery | Kind::Mail | Kind::Quarantine => subject,
        });
        self.texts().alert(kind, &named.collect::<Vec<_>>())
    }

    /// Deletes the records of commands that are too old to be repeated.
    pub(super) async fn tidy(&self, shift: &mut Shift) -> Result<(), Failure> {
        if is_due(shift.tidied, TIDY) {
            commands::forget_old(&self.pool).await?;
            shift.tidied = Some(Instant::now());
        }
        Ok(())
    }
}
