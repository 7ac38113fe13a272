//! Sends the mails that are due. Several servers may do so at the same time.

mod copies;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use lettre::{Message, address::Envelope};
use tokio::time;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    code::ResumeCode,
    compose::{Contents, compose},
    fetches::Fetches,
    replies::Replies,
    smtp::{self, Failure, Smtp},
};
use crate::{
    clock::Ambient,
    config::{self, StaffLanguage},
    heartbeat::Heart,
    metrics::{MailOutcome, Metrics},
    model::Language,
    relay::{
        backoff::Backoff,
        queue::{self, Task},
    },
    staff_texts::RoomTexts,
    storage::{
        Db, Tx,
        mail::{
            addresses::{self, MailAddress},
            codes,
            outbox::{self, Claim},
        },
        sessions,
    },
};

/// How often the worker looks for mails to send.
const TICK: Duration = Duration::from_millis(500);
/// How soon every server has recorded what was fetched.
const SLACK: Duration = Duration::from_secs(2);
/// The number of mails that are sent at the same time.
const AT_ONCE: i64 = 4;
/// How long a claim on a mail lasts. The server that sends the mail renews the claim; if the server
/// dies, another one continues after this time.
const LEASE: Duration = Duration::from_secs(20);
const RENEWAL: Duration = Duration::from_secs(5);
/// The time limit for recording the result of an attempt.
const RECORDED_WITHIN: Duration = Duration::from_mins(2);
/// The wait after a failure.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(30),
    longest: Duration::from_mins(30),
};
/// A mail that has been failing for this long is given up.
const GIVE_UP: Duration = Duration::from_hours(48);
/// Entries of a conversation that are looked at.
const ENTRIES: i64 = 200;

/// Sends the mails.
#[derive(Debug)]
pub struct Mailer {
    db: Db,
    mail: config::Mail,
    /// What the conversations' rooms are told.
    texts: &'static RoomTexts,
    smtp: Smtp,
    session_ttl: Duration,
    fetches: Fetches,
    metrics: Metrics,
    ambient: Ambient,
}

/// A mail that is about to be sent.
struct Prepared {
    address: MailAddress,
    code: ResumeCode,
    replies: Replies,
}

impl Mailer {
    /// A worker that sends as `mail` says.
    #[must_use]
    pub fn new(
        db: Db,
        mail: config::Mail,
        staff_language: StaffLanguage,
        session_ttl: Duration,
        fetches: Fetches,
        metrics: Metrics,
        ambient: Ambient,
    ) -> Self {
        let domain = mail.from.email.domain().to_owned();
        Self {
            db,
            smtp: Smtp::new(mail.server.clone(), &domain),
            mail,
            texts: RoomTexts::of(staff_language),
            session_ttl,
            fetches,
            metrics,
            ambient,
        }
    }

    /// Sends mails until `shutdown`, and then finishes those in progress.
    pub async fn run(self, heart: Heart, fetches_heart: Heart, shutdown: CancellationToken) {
        let mailer = Arc::new(self);
        tokio::join!(
            mailer.send_all(heart, &shutdown),
            mailer.record_fetches(fetches_heart, &shutdown)
        );
    }

    async fn record_fetches(&self, heart: Heart, shutdown: &CancellationToken) {
        let db = self.db.beating(heart.clone());
        loop {
            let pause = heart.idle(time::sleep(TICK));
            let ends = tokio::select! { () = shutdown.cancelled() => true, () = pause => false };
            if let Err(error) = self.fetches.record(&db).await {
                tracing::warn!(%error, "what visitors have fetched cannot be recorded yet");
            }
            if ends {
                break;
            }
        }
    }

    async fn send_all(&self, heart: Heart, shutdown: &CancellationToken) {
        let db = self.db.beating(heart.clone());
        loop {
            let limit = smtp::TIME_LIMIT + RECORDED_WITHIN;
            if let Err(error) = heart.during(limit, self.turn(&db)).await {
                tracing::warn!(%error, "mails cannot be looked for yet");
            }
            let pause = heart.idle(time::sleep(TICK));
            tokio::select! { () = shutdown.cancelled() => break, () = pause => {} }
        }
    }

    async fn turn(&self, db: &Db) -> Result<(), sqlx::Error> {
        // Replies that were fetched must not be mailed, so this is recorded first.
        if !self.fetches.record(db).await? {
            return Ok(());
        }
        let (replies, copies) = tokio::join!(self.mail_replies(db), self.mail_copies(db));
        replies.and(copies)
    }

    async fn mail_replies(&self, db: &Db) -> Result<(), sqlx::Error> {
        let claims = outbox::claim(db, self.mail.after + SLACK, LEASE, AT_ONCE).await?;
        join_all(claims.into_iter().map(|claim| async move {
            if let Err(error) = self.mail(claim).await {
                let Claim { id, session_id, .. } = claim;
                tracing::warn!(%session_id, mail_id = %id, %error, "a mail has to wait for Postgres");
            }
        }))
        .await;
        Ok(())
    }

    async fn mail(&self, claim: Claim) -> Result<(), sqlx::Error> {
        let Some(prepared) = self.prepare(claim).await? else {
            return Ok(());
        };
        let sending = async {
            let sent = self.send(claim.id, &prepared).await;
            record(|| self.conclude(claim, &prepared, &sent)).await
        };
        let kept = keep(|| outbox::renew(&self.db, claim.id, LEASE));
        tokio::select! { done = sending => done, never = kept => never }
    }

    /// Composes the mail, if it is still needed. The conversation's lock keeps the conversation
    /// from changing meanwhile.
    async fn prepare(&self, claim: Claim) -> Result<Option<Prepared>, sqlx::Error> {
        let Claim { id, session_id, .. } = claim;
        let mut tx = self.db.begin().await?;
        sessions::lock(&mut tx, session_id, self.session_ttl).await?;
        let address = addresses::find(&mut *tx, session_id).await?;
        let address = address.filter(|address| !address.is_off);
        let replies = Replies::of(outbox::unfetched(&mut *tx, session_id, ENTRIES).await?);
        let is_over = sessions::is_ended_by_visitor(&mut tx, session_id).await?;
        let Some(address) = address.filter(|_| !replies.texts.is_empty() && !is_over) else {
            outbox::delete(&mut tx, id).await?;
            tx.commit().await?;
            return Ok(None);
        };
        let digest = &address.address_digest;
        let full = outbox::seconds_until_allowed(&mut *tx, session_id, digest).await?;
        if let Some(seconds) = full {
            let wait = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            outbox::postpone(&mut tx, id, wait, false).await?;
            tx.commit().await?;
            self.metrics.mail(MailOutcome::Limited);
            return Ok(None);
        }
        let code = ResumeCode::generate();
        codes::insert(&mut tx, &code.digest(), address.id, session_id).await?;
        tx.commit().await?;
        Ok(Some(Prepared {
            address,
            code,
            replies,
        }))
    }

    async fn send(&self, id: Uuid, prepared: &Prepared) -> Result<(), Failure> {
        let Prepared {
            address,
            code,
            replies,
        } = prepared;
        let contents = Contents {
            id,
            to: &address.address,
            address_id: address.id,
            language: Language::of_tag(&address.language).unwrap_or_default(),
            code,
            replies: &replies.texts,
        };
        self.hand_over(compose(&self.mail, &contents)).await
    }

    /// Hands a mail over to the mail server.
    async fn hand_over(
        &self,
        message: Result<Message, lettre::error::Error>,
    ) -> Result<(), Failure> {
        let message = message.map_err(|error| Failure::Content(error.to_string()))?;
        let bounces_to = self.mail.bounces_to.as_str().parse().ok();
        let envelope = Envelope::new(bounces_to, message.envelope().to().to_vec());
        let envelope = envelope.map_err(|error| Failure::Content(error.to_string()))?;
        self.smtp.send(&envelope, &message.formatted()).await
    }

    /// Records the result of an attempt, and tells the room.
    async fn conclude(
        &self,
        claim: Claim,
        prepared: &Prepared,
        sent: &Result<(), Failure>,
    ) -> Result<(), sqlx::Error> {
        let session_id = claim.session_id;
        let Prepared {
            address,
            code,
            replies,
        } = prepared;
        let mut tx = self.db.begin().await?;
        sessions::lock(&mut tx, session_id, self.session_ttl).await?;
        let (outcome, told) = match sent {
            Ok(()) => {
                let digest = &address.address_digest;
                outbox::set_sent(&mut tx, claim, address.id, digest, replies.up_to).await?;
                (
                    MailOutcome::Sent,
                    Some(self.texts.mailed(replies.texts.len())),
                )
            }
            Err(failure) => {
                let is_over = is_given_up(claim.failing_seconds);
                self.note_failure(&mut tx, claim, prepared, failure, is_over)
                    .await?
            }
        };
        if !matches!(
            sent,
            Ok(())
                | Err(Failure::Later {
                    may_be_accepted: true,
                    ..
                })
        ) {
            codes::delete(&mut tx, &code.digest()).await?;
        }
        if let Some(told) = told {
            queue::push(&mut tx, session_id, &Task::Notice(told)).await?;
        }
        tx.commit().await?;
        self.report(claim.id, session_id, address, sent, outcome);
        Ok(())
    }

    /// Counts and logs what became of an attempt.
    fn report(
        &self,
        id: Uuid,
        session_id: Uuid,
        address: &MailAddress,
        sent: &Result<(), Failure>,
        outcome: MailOutcome,
    ) {
        self.metrics.mail(outcome);
        match sent {
            Ok(()) => tracing::info!(%session_id, mail_id = %id, "a mail was accepted"),
            Err(failure) => {
                let reason = failure.to_string().replace(&address.address, "the address");
                tracing::warn!(%session_id, mail_id = %id, reason, ?outcome, "a mail was not accepted");
            }
        }
    }

    async fn note_failure(
        &self,
        tx: &mut Tx,
        claim: Claim,
        prepared: &Prepared,
        failure: &Failure,
        is_over: bool,
    ) -> Result<(MailOutcome, Option<String>), sqlx::Error> {
        let (outcome, why) = match failure {
            Failure::Later { .. } if !is_over => {
                let delay = BACKOFF.delay(claim.failures, &mut self.ambient.dice());
                outbox::postpone(tx, claim.id, delay, true).await?;
                return Ok((MailOutcome::Retried, None));
            }
            Failure::Later { .. } => (MailOutcome::GivenUp, self.texts.mail_server.does_not_answer),
            Failure::Address(_) => (MailOutcome::Refused, self.texts.mail_server.refuses_address),
            Failure::Content(_) => (MailOutcome::Refused, self.texts.mail_server.refuses_mail),
        };
        let is_refused = matches!(failure, Failure::Address(_));
        outbox::delete(tx, claim.id).await?;
        addresses::note_failure(tx, prepared.address.id, is_refused).await?;
        Ok((outcome, Some(self.texts.not_mailed(why))))
    }
}

/// Records what became of a mail. It may be with the visitor, and it would be sent again until that is recorded.
async fn record<Recording>(conclude: impl Fn() -> Recording) -> Result<(), sqlx::Error>
where
    Recording: Future<Output = Result<(), sqlx::Error>>,
{
    let deadline = time::Instant::now() + RECORDED_WITHIN;
    while let Err(error) = conclude().await {
        if time::Instant::now() > deadline {
            return Err(error);
        }
        time::sleep(TICK).await;
    }
    Ok(())
}

/// Keeps a claim, and never ends.
async fn keep<Renewal>(renew: impl Fn() -> Renewal) -> Result<(), sqlx::Error>
where
    Renewal: Future<Output = Result<(), sqlx::Error>>,
{
    loop {
        time::sleep(RENEWAL).await;
        if let Err(error) = renew().await {
            tracing::warn!(%error, "a mail that is being sent cannot be kept");
        }
    }
}

/// Whether a mail has failed for so long that it is given up.
fn is_given_up(failing_seconds: f64) -> bool {
    Duration::try_from_secs_f64(failing_seconds).is_ok_and(|failing| failing >= GIVE_UP)
}
