//! The lines: what they have to show, and the edits that make them show it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{Desk, Failure, Shift, is_due, pace::Change, say};
use crate::{
    matrix::{notice::Notice, room_name},
    model::Rating,
    storage::{
        desk::{
            lines::{self, Ended, Facts, Which},
            room::DeskRoom,
            stats,
        },
        quarantine::is_refusal,
        session_codes,
    },
};

/// How often all lines are looked at that may not show what they have to.
const LOOK_AT_ALL: Duration = Duration::from_secs(20);
/// A visitor who writes again waits for so long before the line says so: until then they talk to each other.
const TALKING: Duration = Duration::from_mins(1);
/// Lines that are edited in one turn.
const EDITS: usize = 50;
const HOUR: TimeDelta = TimeDelta::hours(1);

/// What a conversation's line says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has answered yet.
    Waiting,
    /// The last word is staff's, or was until just now.
    Answered(Option<String>),
    /// The visitor has written again.
    WaitingAgain(Option<String>),
    /// The visitor has ended it.
    Left { answered: bool },
    /// Staff have ended it, or it has ended by itself.
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

    fn words(&self) -> String {
        let by = |by: &Option<String>| by.as_deref().map(|id| say::localpart(id).to_owned());
        match self {
            Self::Waiting => "Waiting".to_owned(),
            Self::Answered(who) => match by(who) {
                Some(who) => format!("Answered by {who}"),
                None => "Answered".to_owned(),
            },
            Self::WaitingAgain(who) => match by(who) {
                Some(who) => format!("Waiting again (last reply: {who})"),
                None => "Waiting again".to_owned(),
            },
            Self::Left { answered: true } => "Left".to_owned(),
            Self::Left { answered: false } => "Left without a reply".to_owned(),
            Self::Ended { answered: true } => "Ended".to_owned(),
            Self::Ended { answered: false } => "Ended without a reply".to_owned(),
        }
    }
}

/// A line as it has to be.
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
    /// `None` while the conversation has no room.
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

    /// What the line has to go over to, given a digest of what it shows.
    fn change(&self, shown: Option<&[u8]>) -> Change {
        match self.state {
            State::Left { .. } | State::Ended { .. } => Change::Over,
            State::Waiting | State::WaitingAgain(_) => Change::Waiting,
            // Where it is not certain what it shows, it may be this.
            State::Answered(_)
                if shown.is_none_or(|shown| shown == self.digest_in(&State::Waiting)) =>
            {
                Change::FirstAnswer
            }
            State::Answered(_) => Change::Answer,
        }
    }

    /// Tells apart what makes an edit worth its cost. The room's name is told with whatever else has changed.
    pub(super) fn digest(&self) -> Vec<u8> {
        self.digest_in(&self.state)
    }

    /// What the line says before the room's name.
    fn words_in(&self, state: &State) -> String {
        let mut words = state.words();
        if self.is_verified {
            words += ", verified";
        }
        if let Some(rating) = self.rating {
            words += ", rated ";
            words += rating.as_str();
        }
        words
    }

    fn digest_in(&self, state: &State) -> Vec<u8> {
        let parts = [self.room_id.as_str(), &self.words_in(state)];
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.finalize()[..16].to_vec()
    }
}

impl Desk {
    /// The page from which conversations are begun that are none of the staff's.
    pub(super) fn canary_page(&self) -> Option<&'static str> {
        self.homeserver.config().canary_page()
    }

    /// Looks for conversations that have no line, or whose line does not show what it has to, and for those that
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
                // One conversation's fault.
                Err(error) if is_refusal(&error) => {
                    let session_id = facts.session_id;
                    tracing::warn!(%session_id, %error, "a line cannot be looked after");
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
        let Some(line) = &facts.line else {
            return lines::begin(&self.pool, id, desk).await;
        };
        if line.event_id.is_none() {
            return Ok(());
        }
        let last_answer = State::Answered(facts.answered_by.clone());
        let shows_last_answer = line.shown.as_ref() == Some(&wanted.digest_in(&last_answer));
        if line.shown.as_ref() == Some(&wanted.digest()) {
            shift.pace.agrees(id);
            if line.is_over != wanted.is_over() {
                lines::set_over(&self.pool, id, wanted.is_over()).await?;
            }
        } else if wanted.is_over()
            && (line.is_over
                || wanted.rating.is_none()
                    && shift.pace.leaves_end_out(shows_last_answer, facts.answered))
        {
            shift.pace.left_as_it_is(id);
            if !line.is_over {
                lines::set_over(&self.pool, id, true).await?;
            }
        } else {
            let change = wanted.change(line.shown.as_deref());
            shift.pace.differs(id, change, Instant::now());
        }
        if self.is_unanswered(facts, desk) && line.rung != Some(facts.answered) {
            lines::ring(&self.pool, id, facts.answered, desk).await?;
        }
        Ok(())
    }

    /// Whether the visitor has waited for too long, and since there has been a desk.
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

    /// What the lines of these conversations have to show; of none of the canary's.
    pub(super) async fn facts(
        &self,
        which: Which<'_>,
        desk: &DeskRoom,
    ) -> Result<Vec<Facts>, sqlx::Error> {
        let mut db = self.pool.acquire().await?;
        let mut facts = lines::facts(&mut db, which, desk, self.session_ttl).await?;
        if let Some(page) = self.canary_page() {
            facts.retain(|facts| facts.naming.source_url.as_deref() != Some(page));
        }
        Ok(facts)
    }

    /// Makes lines show what they have to.
    pub(super) async fn edit_lines(
        &self,
        desk: &DeskRoom,
        shift: &mut Shift,
    ) -> Result<(), Failure> {
        let mut due = shift.pace.due(Instant::now());
        due.truncate(EDITS);
        let mut last = Ok(());
        for facts in self.facts(Which::These(&due), desk).await? {
            let id = facts.session_id;
            match self.edit_line(desk, &facts).await {
                Ok(true) => shift.pace.edited(id, Instant::now()),
                Ok(false) => shift.pace.agrees(id),
                Err(Failure::Matrix(error)) if !error.concerns_all_rooms() => {
                    tracing::warn!(session_id = %id, %error, "a line cannot be edited yet");
                    shift.pace.failed(id, Instant::now());
                    // Whether it is the desk that is lost is looked at in the next turn.
                    shift.inspected = None;
                    last = Err(error.into());
                }
                Err(failure) => return Err(failure),
            }
        }
        last
    }

    /// Makes a line show what it has to; `false` when it does.
    async fn edit_line(&self, desk: &DeskRoom, facts: &Facts) -> Result<bool, Failure> {
        let (Some(wanted), Some(line)) = (Wanted::of(facts), &facts.line) else {
            return Ok(false);
        };
        let Some(event_id) = &line.event_id else {
            return Ok(false);
        };
        let digest = wanted.digest();
        if line.shown.as_ref() == Some(&digest) {
            return Ok(false);
        }
        let content = say::edit(event_id, &self.line(&wanted).await);
        // An attempt whose answer was lost is the same edit when it is repeated, as long as it says the same.
        let saying: u64 = digest
            .iter()
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let txn_id = format!("{}.{}.{saying:x}", facts.session_id, line.edits + 1);
        self.send(desk, &txn_id, &content).await?;
        lines::edited(&self.pool, facts.session_id, &digest, wanted.is_over()).await?;
        Ok(true)
    }

    /// The content of a line.
    pub(super) async fn line(&self, wanted: &Wanted) -> Value {
        let name = self.name_of(wanted).await;
        let mut notice = Notice::default();
        let link = self.link(&wanted.room_id);
        notice.say_linked(
            &format!("{}: ", wanted.words_in(&wanted.state)),
            &name,
            &link,
        );
        notice.quote(&wanted.first_words);
        let mut content = say::text(&notice);
        // Where a client shows the plain text, its address is there to click at.
        let body = format!("{}\n{link}", notice.body());
        content["body"] = body.into();
        content
    }

    /// That nobody answers.
    pub(super) async fn unanswered(&self, wanted: &Wanted, age: Duration) -> Notice {
        let name = self.name_of(wanted).await;
        let mut notice = Notice::default();
        let seconds = age.as_secs();
        let rounded = if seconds < 120 {
            seconds
        } else {
            seconds / 60 * 60
        };
        let age = Duration::from_secs(rounded);
        let words = format!("@room Unanswered for {}: ", humantime::format_duration(age));
        notice.say_linked(&words, &name, &self.link(&wanted.room_id));
        notice
    }

    /// What the room is called now; where staff have renamed it, by their words.
    async fn name_of(&self, wanted: &Wanted) -> String {
        let name = match self.homeserver.room_name(&wanted.room_id).await {
            Ok(Some(name)) if !room_name::is_lacking(&name) => room_name::marked(&name, false),
            // It is the name that the bot gave it.
            Ok(_) | Err(_) => wanted.name.clone(),
        };
        // `!open` takes the code, also where staff have taken it out of the name.
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
