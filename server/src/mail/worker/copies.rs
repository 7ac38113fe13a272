//! Mails the conversations that their visitors have asked for.

use std::time::Duration;

use app::contract::{MAX_MESSAGES_PER_POLL, MAX_POLL_BYTES};
use chrono_tz::Tz;
use futures_util::future::join_all;

use super::{
    super::compose::{CopyContents, compose_copy},
    AT_ONCE, BACKOFF, Failure, LEASE, Mailer, is_given_up, keep, record,
};
use crate::{
    metrics::MailOutcome,
    model::Language,
    storage::{
        Db, Tx,
        mail::{
            addresses::{self, MailAddress},
            outbox,
            transcripts::{self, Claim},
        },
        sessions::{self, State},
        transcript,
    },
    transcript::Style,
};

/// A longer conversation is cut here: mail servers take some 10 MB, and the text grows by a third on its way.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A conversation as it is mailed.
struct Text {
    file_name: String,
    text: String,
}

impl Mailer {
    /// Mails the conversations that were asked for.
    pub(super) async fn mail_copies(&self, db: &Db) -> Result<(), sqlx::Error> {
        let claims = transcripts::claim(db, LEASE, AT_ONCE).await?;
        join_all(claims.into_iter().map(|claim| async move {
            if let Err(error) = self.mail_copy(&claim).await {
                let Claim { id, session_id, .. } = claim;
                tracing::warn!(%session_id, mail_id = %id, %error, "a mail has to wait for Postgres");
            }
        }))
        .await;
        Ok(())
    }

    async fn mail_copy(&self, claim: &Claim) -> Result<(), sqlx::Error> {
        let Some((address, has_ended)) = self.prepare_copy(claim).await? else {
            return Ok(());
        };
        let sending = async {
            let language = Language::of_tag(&address.language).unwrap_or_default();
            let text = self.text(claim, language, has_ended).await?;
            let message = compose_copy(
                &self.mail,
                &CopyContents {
                    id: claim.id,
                    to: &address.address,
                    address_id: address.id,
                    language,
                    file_name: text.file_name,
                    text: text.text,
                },
            );
            let sent = self.hand_over(message).await;
            record(|| self.conclude_copy(claim, &address, &sent)).await
        };
        let kept = keep(|| transcripts::renew(&self.db, claim.id, LEASE));
        tokio::select! { done = sending => done, never = kept => never }
    }

    /// Where the conversation is to be sent now, and whether it has ended; `None` when nothing is to be sent.
    async fn prepare_copy(
        &self,
        claim: &Claim,
    ) -> Result<Option<(MailAddress, bool)>, sqlx::Error> {
        let session_id = claim.session_id;
        let mut tx = self.db.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.session_ttl).await?;
        let address = addresses::find(&mut *tx, session_id).await?;
        let address = address.filter(|address| !address.is_off);
        let (Some(session), Some(address)) = (session, address) else {
            transcripts::set_done(&mut tx, claim.id).await?;
            tx.commit().await?;
            return Ok(None);
        };
        // Others may have been sent since this one was asked for.
        let digest = &address.address_digest;
        let full = outbox::seconds_until_allowed(&mut *tx, session_id, digest).await?;
        if let Some(seconds) = full {
            let wait = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            transcripts::postpone(&mut tx, claim.id, wait, false).await?;
            tx.commit().await?;
            self.metrics.mail(MailOutcome::Limited);
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some((address, session.state != State::Open)))
    }

    /// The conversation as it reads now.
    async fn text(
        &self,
        claim: &Claim,
        language: Language,
        has_ended: bool,
    ) -> Result<Text, sqlx::Error> {
        let limits = transcript::Limits {
            lines: i64::try_from(MAX_MESSAGES_PER_POLL).unwrap_or(i64::MAX),
            bytes: i64::try_from(MAX_POLL_BYTES).unwrap_or(i64::MAX),
        };
        let style = Style {
            zone: claim.time_zone.parse().unwrap_or(Tz::UTC),
            language,
        };
        let extent = transcript::extent(&self.db, claim.session_id).await?;
        let mut text = style.head();
        let mut after = 0;
        while after < extent.last && text.len() < MAX_BYTES {
            let place = (after, extent.last);
            let lines = transcript::page(&self.db, claim.session_id, place, limits).await?;
            after = lines.last().map_or(extent.last, |line| line.seq);
            text.push_str(&style.lines(&lines));
        }
        if after < extent.last {
            text.push_str(&style.cut());
        } else if has_ended {
            text.push_str(&style.end());
        }
        Ok(Text {
            file_name: style.file_name(extent.began_at),
            text,
        })
    }

    /// Records what became of an attempt.
    async fn conclude_copy(
        &self,
        claim: &Claim,
        address: &MailAddress,
        sent: &Result<(), Failure>,
    ) -> Result<(), sqlx::Error> {
        let session_id = claim.session_id;
        let mut tx = self.db.begin().await?;
        sessions::lock(&mut tx, session_id, self.session_ttl).await?;
        let outcome = match sent {
            Ok(()) => {
                transcripts::set_done(&mut tx, claim.id).await?;
                outbox::count(&mut tx, session_id, &address.address_digest).await?;
                MailOutcome::Sent
            }
            Err(failure) => {
                self.note_copy_failure(&mut tx, claim, address, failure)
                    .await?
            }
        };
        tx.commit().await?;
        self.report(claim.id, session_id, address, sent, outcome);
        Ok(())
    }

    async fn note_copy_failure(
        &self,
        tx: &mut Tx,
        claim: &Claim,
        address: &MailAddress,
        failure: &Failure,
    ) -> Result<MailOutcome, sqlx::Error> {
        let outcome = match failure {
            Failure::Later { .. } if !is_given_up(claim.failing_seconds) => {
                let delay = BACKOFF.delay(claim.failures, &mut self.ambient.dice());
                transcripts::postpone(tx, claim.id, delay, true).await?;
                return Ok(MailOutcome::Retried);
            }
            Failure::Later { .. } => MailOutcome::GivenUp,
            Failure::Address(_) | Failure::Content(_) => MailOutcome::Refused,
        };
        transcripts::set_done(tx, claim.id).await?;
        // An address that is refused for good gets no replies either, which staff have to know.
        if matches!(failure, Failure::Address(_)) {
            addresses::note_failure(tx, address.id, true).await?;
        }
        Ok(outcome)
    }
}
