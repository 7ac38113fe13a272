//! Records the page that the visitor is on, so that staff learn when it changes.

use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SessionEnded, SupportChat, WriteError, access::ensure_open};
use crate::{
    model::Page,
    storage::{details_notices, sessions},
};

/// Why a page was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum SetPageError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// It is not certain that the page was stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for SetPageError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Records the page that the visitor is on. Staff are told a little later; if the visitor
    /// visits several pages meanwhile, only of the last.
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
            // The client can safely repeat the request, so it is not worth finding out whether the
            // change was stored.
            self.resolve_commit(error, session_id, async |_, _| Ok(None))
                .await?;
        }
        Ok(())
    }
}
