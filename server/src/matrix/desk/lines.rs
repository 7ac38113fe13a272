//! Decides what the line of each conversation has to show.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{Desk, Failure, Shift, is_due, pace::Change, say};
use crate::{
    config::StaffLanguage,
    matrix::{notice::Notice, room_name},
    model::Rating,
    staff_texts::{DeskTexts, States},
    storage::{
        desk::{
            facts::{self, Ended, Facts, Which},
            lines::{self, Line},
            room::DeskRoom,
            stats,
        },
        quarantine::is_refusal,
        session_codes,
    },
};

/// How often the desk compares every line with its conversation.
const LOOK_AT_ALL: Duration = Duration::from_secs(20);
/// How long a visitor who has written again waits before the line says so. Until then, visitor and
/// staff are taken to be talking to each other.
const TALKING: Duration = Duration::from_mins(1);
const HOUR: TimeDelta = TimeDelta::hours(1);

/// The state of a conversation as its line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has answered yet.
    Waiting,
    /// Staff wrote last, or the visitor has written again only just now.
    Answered(Option<String>),
    /// The visitor has written again and waits for an answer.
    WaitingAgain(Option<String>),
    /// The visitor has ended the conversation.
    Left { answered: bool },
    /// Staff have ended the conversation, or it has expired.
    Ended { answered: bool },
}

impl State {
    fn of(facts: &Facts) -> Self {
        let answered = facts.answered > 0;
        let by = || facts.answered_by.clone();
        match facts.ended {
            Some(Ended::ByVisitor) => return Self::Left { answered },
            Some(Ended::ByStaff | Ended::ByItself) => return Self::Ended { answered },
            None => {}
        }
        match facts.waiting {
            Some(_) if !answered => Self::Waiting,
            Some((_, waited)) if waited >= TALKING => Self::WaitingAgain(by()),
            _ => Self::Answered(by()),
        }
    }

    const fn is_over(&self) -> bool {
        matches!(self, Self::Left { .. } | Self::Ended { .. })
    }

    fn words(&self, texts: &DeskTexts) -> String {
        let States {
            waiting,
            answered,
            answered_by,
            waiting_again,
            waiting_again_by,
            left,
            left_unanswered,
            ended,
            ended_unanswered,
        } = texts.states;
        let words = match self {
            Self::Waiting => waiting,
            Self::Answered(Some(_)) => answered_by,
            Self::Answered(None) => answered,
            Self::WaitingAgain(Some(_)) => waiting_again_by,
            Self::WaitingAgain(None) => waiting_again,
            Self::Left { answered: true } => left,
            Self::Left { answered: false } => left_unanswered,
            Self::Ended { answered: true } => ended,
            Self::Ended { answered: false } => ended_unanswered,
        };
        match self {
            Self::Answered(Some(by)) | Self::WaitingAgain(Some(by)) => {
                words.replace("{}", say::localpart(by))
            }
            _ => words.to_owned(),
        }
    }
}

/// The content that a line should have.
pub(super) struct Wanted {
    room_id: String,
    name: String,
    code: String,
    first_words: String,
    state: State,
    /// The website vouches for the visitor.
    is_verified: bool,
    rating: Option<Rating>,
}

impl Wanted {
    /// `None` until the conversation has a room.
    pub(super) fn of(facts: &Facts) -> Option<Self> {
        Some(Self {
            room_id: facts.room_id.clone()?,
            name: room_name::of(&facts.naming),
            code: facts.naming.code.clone(),
            first_words: say::first_words(
                facts.naming.first_message.as_deref().unwrap_or_default(),
            ),
            state: State::of(facts),
            is_verified: facts.naming.is_verified,
            rating: facts.rating,
        })
    }

    pub(super) const fn is_over(&self) -> bool {
        self.state.is_over()
    }

    /// The kind of change that would bring the line up to date.
    fn change(&self, line: &Line) -> Change {
        let shown = line.shown.as_deref();
        match self.state {
            State::Left { .. } | State::Ended { .. } => Change::Over,
            _ if line.is_over => Change::Resumed,
            State::Waiting | State::WaitingAgain(_) => Change::Waiting,
            // If an earlier edit was not confirmed, the line may still show this.
            State::Answered(_)
                if shown.is_none_or(|shown| shown == self.digest_in(&State::Waiting)) =>
            {
                Change::FirstAnswer
            }
            State::Answered(_) => Change::Answer,
        }
    }

    /// How long the conversation has been in its current state.
    fn since(&self, facts: &Facts, change: Change) -> Duration {
        match (&self.state, facts.waiting) {
            // Nobody recorded when the conversation resumed.
            _ if change == Change::Resumed => Duration::ZERO,
            (State::Waiting, Some((_, waited))) => waited,
            (State::WaitingAgain(_), Some((_, waited))) => waited.saturating_sub(TALKING),
            _ => facts.unchanged,
        }
    }

    /// A digest of the parts whose change is worth an edit. A new room name or another language
    /// alone is not: either appears with the next edit.
    pub(super) fn digest(&self) -> Vec<u8> {
        self.digest_in(&self.state)
    }

    /// The words that come before the room's name.
    fn words_in(&self, state: &State, texts: &DeskTexts) -> String {
        let mut words = state.words(texts);
        if self.is_verified {
            words += texts.verified;
        }
        match self.rating {
            Some(Rating::Good) => words += texts.rated_good,
            Some(Rating::Bad) => words += texts.rated_bad,
            None => {}
        }
        words
    }

    fn digest_in(&self, state: &State) -> Vec<u8> {
        let words = self.words_in(state, DeskTexts::of(StaffLanguage::English));
        let parts = [self.room_id.as_str(), &words];
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.finalize()[..16].to_vec()
    }
}

impl Desk {
    /// The page of the canary, whose conversations staff do not see.
    pub(super) fn canary_page(&self) -> Option<&'static str> {
        self.homeserver.config().canary_page()
    }

    /// Finds the conversations that have no line, those whose line is out of date, and those that
    /// nobody answers.
    pub(super) async fn look_at_lines(
        &self,
        desk: &DeskRoom,
        shift: &mut Shift,
    ) -> Result<(), Failure> {
        let patience = self.config.unanswered_after.unwrap_or(Duration::MAX);
        let period = LOOK_AT_ALL.min((patience / 5).max(Duration::from_secs(1)));
        let mut all = self.facts(Which::Recent, desk).await?;
        if is_due(shift.looked_at_all, period) {
            all.extend(self.facts(Which::All, desk).await?);
            let hour_ago = Utc::now() - HOUR;
            let begun = stats::since(&self.pool, hour_ago, self.canary_page()).await?;
            let conversations = usize::try_from(begun.conversations).unwrap_or(usize::MAX);
            shift.pace.begun(conversations);
            shift.looked_at_all = Some(Instant::now());
        }
        let mut last = Ok(());
        for facts in &all {
            match self.look_at_line(facts, desk, shift).await {
                // Only this conversation is affected, so the others go on.
                Err(error) if is_refusal(&error) => {
                    let session_id = facts.session_id;
                    tracing::warn!(%session_id, %error, "a line cannot be kept up to date");
                    last = Err(error.into());
                }
                result => result?,
            }
        }
        last
    }

    async fn look_at_line(
        &self,
        facts: &Facts,
        desk: &DeskRoom,
        shift: &mut Shift,
    ) -> Result<(), sqlx::Error> {
        let id = facts.session_id;
        let Some(wanted) = Wanted::of(facts) else {
            return Ok(());
        };
        if facts.naming.code.is_empty() {
            session_codes::give(&self.pool, id).await?;
            return Ok(());
        }
        let line = match &facts.line {
            Some(line) if line.room_id == desk.room_id => line,
            // A conversation that is over keeps its line in the old desk.
            Some(_) if wanted.is_over() => return Ok(()),
            _ => return lines::begin(&self.pool, id, desk).await,
        };
        if line.event_id.is_none() {
            return Ok(());
        }
        if line.shown.as_ref() == Some(&wanted.digest()) {
            shift.pace.agrees(id);
            if line.is_over != wanted.is_over() {
                lines::set_over(&self.pool, id, wanted.is_over(), facts.read_at).await?;
            }
        } else {
            let change = wanted.change(line);
            let since = wanted.since(facts, change);
            shift.pace.differs(id, change, since, Instant::now());
        }
        if self.is_unanswered(facts, desk) && line.rung != Some(facts.answered) {
            lines::ring(&self.pool, id, facts.answered, desk).await?;
        }
        Ok(())
    }

    /// Whether the visitor has waited too long, counting only waits that began after the desk was
    /// made.
    fn is_unanswered(&self, facts: &Facts, desk: &DeskRoom) -> bool {
        let (Some(after), Some((since, waited))) = (self.config.unanswered_after, facts.waiting)
        else {
            return false;
        };
        waited >= after && since >= desk.found_at && !State::of(facts).is_over()
    }

    /// Whether the visitor still waits, in the same waiting period.
    pub(super) fn still_waits(facts: &Facts, period: i64) -> bool {
        facts.waiting.is_some() && facts.answered == period && !State::of(facts).is_over()
    }

    /// The facts from which the lines of these conversations are made, without those of the canary.
    pub(super) async fn facts(
        &self,
        which: Which<'_>,
        desk: &DeskRoom,
    ) -> Result<Vec<Facts>, sqlx::Error> {
        let mut db = self.pool.acquire().await?;
        let mut facts = facts::read(&mut db, which, desk, self.session_ttl).await?;
        if let Some(page) = self.canary_page() {
            facts.retain(|facts| facts.naming.source_url.as_deref() != Some(page));
        }
        Ok(facts)
    }

    /// The content of a line's event.
    pub(super) async fn line(&self, wanted: &Wanted) -> Value {
        let name = self.name_of(wanted).await;
        let mut notice = Notice::default();
        let link = self.link(&wanted.room_id);
        let texts = self.texts();
        let words = wanted.words_in(&wanted.state, texts) + texts.colon;
        notice.say_linked(&words, &name, &link);
        notice.quote(&wanted.first_words);
        let mut content = say::text(&notice);
        // Clients that show the plain text turn the address in it into a link.
        let body = format!("{}\n{link}", notice.body());
        content["body"] = body.into();
        content
    }

    /// The notice that nobody has answered a visitor.
    pub(super) async fn unanswered(&self, wanted: &Wanted, age: Duration) -> Notice {
        let name = self.name_of(wanted).await;
        let mut notice = Notice::default();
        let age = match age.as_secs() {
            seconds @ 0..120 => Duration::from_secs(seconds),
            seconds => Duration::from_mins(seconds / 60),
        };
        let words = self.texts().unanswered(age);
        notice.say_linked(&words, &name, &self.link(&wanted.room_id));
        notice
    }

    /// The current name of the room, which staff may have changed.
    async fn name_of(&self, wanted: &Wanted) -> String {
        let name = match self.homeserver.room_name(&wanted.room_id).await {
            Ok(Some(name)) if !room_name::is_lacking(&name) => room_name::marked(&name, false),
            // The bot's own name for the room is still right, or is the best that is known.
            Ok(_) | Err(_) => wanted.name.clone(),
        };
        // `!open` takes the code, so it is added if staff have removed it from the name.
        if name.contains(&wanted.code) {
            name
        } else {
            format!("{name} · {}", wanted.code)
        }
    }

    pub(super) fn link(&self, room_id: &str) -> String {
        say::link(room_id, self.homeserver.config().bot.server_name())
    }
}

#[cfg(test)]
mod tests;
