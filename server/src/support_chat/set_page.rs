//! Where the visitor is: staff are told when it changes.

use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SessionEnded, SupportChat, WriteError, access::ensure_open};
use crate::{
    model::Page,
    storage::{details_notices, sessions},
};

/// Why a page was not noted.
#[derive(Debug, thiserror::Error)]
pub enum SetPageError {
    /// The token does not open the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// The page is not known to be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for SetPageError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Notes which page the visitor is on. Staff are told a little later, and only of the last page when there were
    /// several.
    pub async fn set_page(
        &self,
        session_id: Uuid,
        token: &SecretString,
        page: &Page,
    ) -> Result<(), SetPageError> {
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        ensure_open(&self.authenticate(session, token)?)?;
        details_notices::set_page(&mut tx, session_id, &page.source_url, page.title.as_deref())
            .await?;
        if let Err(error) = tx.commit().await {
            // A client may simply repeat it, so nobody looks whether it was stored.
            self.resolve_commit(error, session_id, async |_, _| Ok(None))
                .await?;
        }
        Ok(())
    }
}
