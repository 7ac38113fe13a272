//! Sends the messages that are queued for the desk. Each is sent exactly once, even if the server
//! crashes in between.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use matrix_sdk::ruma::api::error::ErrorKind;
use serde_json::Value;
use tokio::time;
use uuid::Uuid;

use super::{Desk, Failure, lines::Wanted, say};
use crate::{
    matrix::{event::RoomEvent, homeserver::MatrixError, notice::Notice},
    relay::backoff::Backoff,
    storage::desk::{
        commands,
        facts::Which,
        messages::{self, Asked, Claim, Saying, Shown},
        room::DeskRoom,
    },
};

/// How many messages are sent at the same time.
const CONCURRENCY: usize = 2;
/// The time limit of one message, including the requests that find out what it has to say.
const TIME_LIMIT: Duration = Duration::from_secs(15);
/// The wait before a message is tried again.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_mins(1),
};
/// How far the clocks of the homeserver and of Postgres may differ. The search for an earlier
/// attempt allows for it.
const CLOCKS_DIFFER: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// A line that is queued this long after its conversation began may have been sent before the
/// database was restored from a backup.
const LATE_LINE: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// What a claimed message has to say now.
enum Content {
    Line(Box<Wanted>, DateTime<Utc>, Value),
    Other(Value),
    /// The message is not needed any more.
    Nothing,
}

impl Desk {
    /// Sends the messages that are due.
    pub(super) async fn say_what_is_queued(&self, desk: &DeskRoom) -> Result<(), Failure> {
        let claims = messages::claim(&self.pool, &desk.room_id).await?;
        let results: Vec<_> = stream::iter(claims)
            .map(async |claim| self.say_one(desk, &claim).await)
            .buffered(CONCURRENCY)
            .collect()
            .await;
        results.into_iter().collect()
    }

    async fn say_one(&self, desk: &DeskRoom, claim: &Claim) -> Result<(), Failure> {
        let said = time::timeout(TIME_LIMIT, self.say(desk, claim)).await;
        let failure = match said.unwrap_or(Err(Failure::TimedOut)) {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        if let Failure::Matrix(error) = &failure
            && matches!(
                error.kind(),
                Some(ErrorKind::TooLarge | ErrorKind::BadJson | ErrorKind::InvalidParam)
            )
        {
            // A message that the homeserver can never accept must not block the others.
            tracing::error!(saying = ?claim.saying, %error, "the homeserver will never accept this message to the desk");
            messages::remove(&self.pool, claim.id).await?;
            return Ok(());
        }
        let delay = failure
            .retry_after()
            .unwrap_or_else(|| BACKOFF.delay(claim.attempts - 1, &mut self.ambient.dice()));
        messages::postpone(&self.pool, claim.id, delay).await?;
        Err(failure)
    }

    async fn say(&self, desk: &DeskRoom, claim: &Claim) -> Result<(), Failure> {
        let content = self.content(desk, claim).await?;
        let txn_id = claim.id.to_string();
        let send = async |content: &Value| match self.find_event(desk, claim, &txn_id).await? {
            Some(event_id) => Ok::<_, Failure>((event_id, true)),
            None => Ok((self.send(desk, &txn_id, content).await?, claim.attempts > 1)),
        };
        match content {
            Content::Nothing => messages::remove(&self.pool, claim.id).await?,
            Content::Other(content) => {
                send(&content).await?;
                messages::remove(&self.pool, claim.id).await?;
            }
            Content::Line(wanted, at, content) => {
                let (event_id, may_be_older) = send(&content).await?;
                let digest = wanted.digest();
                // An earlier attempt may have sent an older state of the line.
                let shown = Shown {
                    digest: (!may_be_older).then_some(digest.as_slice()),
                    is_over: wanted.is_over() && !may_be_older,
                    at,
                };
                let mut db = self.pool.acquire().await?;
                messages::line_accepted(&mut db, claim.id, &event_id, shown).await?;
            }
        }
        Ok(())
    }

    async fn content(&self, desk: &DeskRoom, claim: &Claim) -> Result<Content, Failure> {
        Ok(match &claim.saying {
            Saying::Line(session_id) => {
                let facts = self.facts(Which::These(&[*session_id]), desk).await?;
                let facts = facts.first();
                match facts.and_then(|facts| Some((Wanted::of(facts)?, facts.read_at))) {
                    Some((wanted, at)) => {
                        let content = self.line(&wanted).await;
                        Content::Line(Box::new(wanted), at, content)
                    }
                    None => Content::Nothing,
                }
            }
            Saying::Ring {
                session_id,
                period,
                line,
            } => {
                let facts = self.facts(Which::These(&[*session_id]), desk).await?;
                let facts = facts
                    .first()
                    .filter(|facts| Self::still_waits(facts, *period));
                match facts.and_then(|facts| Some((Wanted::of(facts)?, facts.waiting?.1))) {
                    Some((wanted, age)) => {
                        let notice = self.unanswered(&wanted, age).await;
                        Content::Other(say::call_all(&notice, line))
                    }
                    None => Content::Nothing,
                }
            }
            Saying::Alert(text) => Content::Other(say::text(&paragraphs(text))),
            Saying::Answer(asked, text) => Content::Other(answer(&paragraphs(text), asked)),
            Saying::Open(asked, session_id) => {
                Content::Other(answer(&self.open(desk, asked, *session_id).await?, asked))
            }
            Saying::Stats(asked) => Content::Other(answer(&self.stats().await?, asked)),
        })
    }

    /// Invites whoever sent `!open` to a conversation's room. Returns the text of the answer.
    async fn open(
        &self,
        desk: &DeskRoom,
        asked: &Asked,
        session_id: Uuid,
    ) -> Result<Notice, Failure> {
        let texts = &self.texts().open;
        let facts = self.facts(Which::These(&[session_id]), desk).await?;
        let room = match facts.first() {
            Some(facts) => facts.room_id.clone(),
            // Retention has deleted the conversation's messages.
            None => commands::room_of(&self.pool, session_id).await?,
        };
        let Some(room_id) = room else {
            return Ok(Notice::new(texts.no_room));
        };
        if self.archiver.reopen(&room_id).await? {
            self.invite_all(&room_id, &asked.by).await;
        }
        let membership = match self.homeserver.membership(&room_id, &asked.by).await {
            Err(error)
                if matches!(
                    error.kind(),
                    Some(ErrorKind::Forbidden | ErrorKind::NotFound)
                ) =>
            {
                return Ok(Notice::new(texts.bot_is_gone));
            }
            membership => membership?,
        };
        let words = match membership.as_deref() {
            Some("join") => texts.joined,
            Some("invite") => texts.invited_before,
            _ => match self.homeserver.invite(&room_id, &asked.by).await {
                Ok(()) => texts.invited,
                Err(error) if is_refusal(&error) => {
                    return Ok(Notice::new(&texts.refused(&error.errcode())));
                }
                Err(error) => return Err(error.into()),
            },
        };
        let name = self.homeserver.room_name(&room_id).await?;
        let name = name.unwrap_or_else(|| texts.unnamed.to_owned());
        let mut notice = Notice::default();
        notice.say_linked(words, &name, &self.link(&room_id));
        Ok(notice)
    }

    /// Invites the staff to a room that was archived. Who cannot be invited can ask for the room themselves.
    async fn invite_all(&self, room_id: &str, asking: &str) {
        let staff = self.homeserver.config().staff.iter();
        for user_id in staff.map(|id| id.as_str()).filter(|id| *id != asking) {
            if let Err(error) = self.homeserver.invite(room_id, user_id).await {
                tracing::warn!(room_id, user_id, %error, "not invited to a room that was archived");
            }
        }
    }

    pub(super) async fn send(
        &self,
        desk: &DeskRoom,
        txn_id: &str,
        content: &Value,
    ) -> Result<String, Failure> {
        let sent = self.homeserver.send_message(&desk.room_id, txn_id, content);
        Ok(sent.await?)
    }

    /// Looks for the event of an earlier attempt if there may be one. The transaction id alone does
    /// not prevent a second event: homeservers forget transaction ids after a day or at a restart,
    /// and the database may have been restored from an older backup.
    async fn find_event(
        &self,
        desk: &DeskRoom,
        claim: &Claim,
        txn_id: &str,
    ) -> Result<Option<String>, Failure> {
        if claim.attempts == 1 && claim.created_at - claim.since < LATE_LINE {
            return Ok(None);
        }
        let oldest = claim.since - CLOCKS_DIFFER;
        let bot = self.homeserver.config().bot.as_str();
        let mut from = None;
        loop {
            let (page, next) = self
                .homeserver
                .history(&desk.room_id, from.as_deref(), None)
                .await?;
            let mut own = page.iter().filter(|event| event.sender == bot);
            if let Some(event) = own.find(|event| event.transaction_id() == Some(txn_id)) {
                return Ok(Some(event.event_id.clone()));
            }
            // All of them: a single event may be of a time when the homeserver's clock was wrong.
            let mut times = page.iter().filter_map(RoomEvent::written_at);
            match next {
                Some(token) if page.is_empty() || times.any(|at| at >= oldest) => {
                    from = Some(token);
                }
                _ => return Ok(None),
            }
        }
    }
}

fn answer(notice: &Notice, asked: &Asked) -> Value {
    say::answer(notice, &asked.event_id, &asked.by)
}

/// A text of the bot as a notice with one paragraph per line.
fn paragraphs(text: &str) -> Notice {
    let mut notice = Notice::default();
    text.lines().for_each(|line| notice.say(line));
    notice
}

/// Whether the homeserver refuses the request itself, so that it would refuse a repetition, too.
fn is_refusal(error: &MatrixError) -> bool {
    !error.concerns_all_rooms() && !error.is_unanswered()
}
