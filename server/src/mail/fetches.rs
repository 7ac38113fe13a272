//! Gathers in memory which entries visitors have fetched, and records them in batches, so that
//! polls write nothing.

use std::{
    collections::HashSet,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::storage::{Db, mail::fetched};

/// The maximum number of conversations that are remembered. Forgetting one can cost an unnecessary
/// mail.
const MAX_PENDING: usize = 1 << 15;
/// The number of conversations in one statement.
const BATCH: usize = 500;

/// Cheap to clone. Clones share what they gather.
#[derive(Clone, Debug, Default)]
pub struct Fetches(Option<Arc<Mutex<Pending>>>);

/// The last fetched entry of each conversation.
type Pending = HashSet<(Uuid, Uuid)>;

impl Fetches {
    /// Gathers only if this server sends mails.
    #[must_use]
    pub fn new(is_on: bool) -> Self {
        Self(is_on.then(Arc::default))
    }

    /// Notes that the conversation's visitor has fetched this entry and all before it.
    pub fn note(&self, session_id: Uuid, entry: Uuid) {
        if let Some(mut pending) = self.pending()
            && pending.len() < MAX_PENDING
        {
            pending.insert((session_id, entry));
        }
    }

    /// Records what was gathered. Returns `false` if some of it has to be recorded later.
    pub(super) async fn record(&self, db: &Db) -> Result<bool, sqlx::Error> {
        let taken: Vec<_> = self
            .pending()
            .map(|mut pending| mem::take(&mut *pending).into_iter().collect())
            .unwrap_or_default();
        let (mut left, mut failure) = (Vec::new(), None);
        for batch in taken.chunks(BATCH) {
            if failure.is_some() {
                left.extend_from_slice(batch);
                continue;
            }
            let (sessions, entries): (Vec<_>, Vec<_>) = batch.iter().copied().unzip();
            match fetched::record(db, &sessions, &entries).await {
                Ok(done) => left.extend(batch.iter().filter(|(id, _)| !done.contains(id))),
                Err(error) => {
                    left.extend_from_slice(batch);
                    failure = Some(error);
                }
            }
        }
        let is_done = left.is_empty();
        if let Some(mut pending) = self.pending() {
            pending.extend(left);
        }
        failure.map_or(Ok(is_done), Err)
    }

    /// A panic cannot leave the map inconsistent, so poisoning is ignored.
    fn pending(&self) -> Option<MutexGuard<'_, Pending>> {
        let pending = self.0.as_deref()?;
        Some(pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
