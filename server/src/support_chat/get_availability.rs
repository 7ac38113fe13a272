//! Tells whether staff are available: during their hours, unless they have said in the desk that
//! they are away.

use chrono::Utc;

use super::SupportChat;
use crate::{
    hours::{Availability, Hours},
    storage::{self, desk::commands},
};

impl SupportChat {
    /// Whether staff are available now, and when they will be next.
    pub async fn get_availability(&self, hours: &Hours) -> Result<Availability, sqlx::Error> {
        let away_until = storage::again_if_lost(|| commands::away_until(&self.shares.reads));
        Ok(hours.at(Utc::now(), away_until.await?))
    }
}
