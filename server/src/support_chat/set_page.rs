//! Where the visitor is: staff are told when it changes.

use secrecy::SecretString;
use uuid::Uuid;

use super::{Page, Refusal, SupportChat, ensure_open};
use crate::storage::{details_notices, sessions};

impl SupportChat {
    /// Notes which page the visitor is on. Staff are told a little later, and of the last page only when there were
    /// several.
    pub async fn set_page(
        &self,
        session_id: Uuid,
        token: &SecretString,
        page: &Page,
    ) -> Result<(), Refusal> {
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        ensure_open(self.authenticate(session, token)?.state)?;
        details_notices::set_page(&mut tx, session_id, &page.source_url, page.title.as_deref())
            .await?;
        if let Err(error) = tx.commit().await {
            // Repeated, it changes nothing.
            self.find_out(error, session_id, async |_, _| Ok(None))
                .await?;
        }
        Ok(())
    }
}
