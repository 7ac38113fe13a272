//! Keeps the members of the desk equal to the staff that the configuration names.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use tokio::time::{self, Instant};

use super::{Desk, Failure, Shift};
use crate::{
    matrix::{event::RoomEvent, homeserver::MatrixError, inviter},
    storage::desk::{alerts, room::DeskRoom},
};

/// How many invitations and removals run at the same time.
const CONCURRENCY: usize = 4;
/// The time limit of one invitation or removal.
const TIME_LIMIT: Duration = Duration::from_secs(4);
/// How long after declining or leaving somebody is invited again.
const INVITED_AGAIN: Duration = Duration::from_hours(1);

/// Somebody who is or was in the room.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) user_id: String,
    membership: String,
    /// Whether they brought about their membership themselves, by joining, declining or leaving.
    by_themselves: bool,
    since: Option<DateTime<Utc>>,
}

impl Member {
    pub(super) fn read(event: &RoomEvent) -> Option<Self> {
        let user_id = event.state_key.clone()?;
        (event.event_type == "m.room.member").then_some(())?;
        Some(Self {
            by_themselves: event.sender == user_id,
            membership: event.str_at("/membership")?.to_owned(),
            since: event.written_at(),
            user_id,
        })
    }

    pub(super) fn is_joined(&self) -> bool {
        self.membership == "join"
    }

    fn is_in(&self) -> bool {
        matches!(self.membership.as_str(), "join" | "invite")
    }

    /// Whether it is too early to invite them again.
    fn wants_rest(&self) -> bool {
        let ago = self.since.map(|since| (Utc::now() - since).to_std());
        self.by_themselves && ago.is_some_and(|ago| ago.is_ok_and(|ago| ago < INVITED_AGAIN))
    }
}

/// A failed attempt to invite or remove somebody.
#[derive(Clone, Copy, Debug)]
struct Failed {
    times: i32,
    until: Instant,
    is_lasting: bool,
}

/// The members of the desk when it was last inspected, and the people whose invitation or removal
/// failed.
#[derive(Debug, Default)]
pub(super) struct Members {
    seen: Vec<Member>,
    failed: HashMap<String, Failed>,
}

/// The action that would bring somebody's membership in line with the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Invite,
    Remove,
}

impl Members {
    pub(super) fn see(&mut self, members: Vec<Member>) {
        // Somebody else may have invited them since the attempt failed.
        let is_in = |id: &str| {
            members
                .iter()
                .any(|member| member.user_id == id && member.is_in())
        };
        self.failed.retain(|user_id, _| !is_in(user_id));
        self.seen = members;
    }

    /// The people whose invitation has failed repeatedly.
    pub(super) fn cannot_be_invited(&self) -> Vec<String> {
        let failed = self.failed.iter().filter(|(_, failed)| failed.is_lasting);
        failed.map(|(user_id, _)| user_id.clone()).collect()
    }

    /// The people who have to be invited or removed now.
    fn actions(&self, staff: &[&str], bot: &str, now: Instant) -> Vec<(String, Action)> {
        let missing = staff.iter().filter(|user_id| {
            let mut seen = self.seen.iter();
            let seen = seen.find(|member| member.user_id == **user_id);
            seen.is_none_or(|member| !member.is_in() && !member.wants_rest())
        });
        let missing = missing.map(|user_id| ((*user_id).to_owned(), Action::Invite));
        let strangers = self.seen.iter().filter(|member| {
            let id = member.user_id.as_str();
            member.is_in() && id != bot && !staff.contains(&id)
        });
        let strangers = strangers.map(|member| (member.user_id.clone(), Action::Remove));
        let is_due = |(user_id, _): &(String, Action)| {
            let failed = self.failed.get(user_id);
            failed.is_none_or(|failed| now >= failed.until)
        };
        missing.chain(strangers).filter(is_due).collect()
    }

    /// Records an action that succeeded, so that it is not repeated before the next inspection.
    fn done(&mut self, user_id: &str, action: Action) {
        self.failed.remove(user_id);
        self.seen.retain(|member| member.user_id != user_id);
        if action == Action::Invite {
            self.seen.push(Member {
                user_id: user_id.to_owned(),
                membership: "invite".to_owned(),
                by_themselves: false,
                since: None,
            });
        }
    }

    fn fail(&mut self, (user_id, action): (&str, Action), errcode: &str, until: Instant) {
        let times = self.failures(user_id);
        let failed = Failed {
            times: times + 1,
            until,
            is_lasting: action == Action::Invite && alerts::is_lasting(times + 1, errcode),
        };
        self.failed.insert(user_id.to_owned(), failed);
    }

    /// How many attempts have failed for somebody.
    fn failures(&self, user_id: &str) -> i32 {
        self.failed.get(user_id).map_or(0, |failed| failed.times)
    }
}

impl Desk {
    /// Invites missing staff and removes everybody else. A failure with one person does not affect
    /// the others.
    pub(super) async fn keep_members(
        &self,
        desk: &DeskRoom,
        shift: &mut Shift,
    ) -> Result<(), Failure> {
        let config = self.homeserver.config();
        let staff: Vec<_> = config
            .staff
            .iter()
            .map(|user_id| user_id.as_str())
            .collect();
        let actions = shift
            .members
            .actions(&staff, config.bot.as_str(), Instant::now());
        let results: Vec<_> = stream::iter(actions)
            .map(async |(user_id, action)| {
                let done = time::timeout(TIME_LIMIT, self.do_to(&desk.room_id, &user_id, action));
                (done.await, user_id, action)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        for (result, user_id, action) in results {
            let error = match result {
                Ok(Ok(())) => {
                    tracing::info!(user_id, ?action, "the desk's members have changed");
                    shift.members.done(&user_id, action);
                    continue;
                }
                Ok(Err(error)) => Some(error),
                Err(_) => None,
            };
            let errcode = error
                .as_ref()
                .map_or("timeout".into(), MatrixError::errcode);
            if action == Action::Invite {
                self.metrics.invitation_failed(&errcode);
            }
            let asked = error.as_ref().and_then(MatrixError::retry_after);
            let failures = shift.members.failures(&user_id);
            let delay = inviter::BACKOFF.delay(failures, &mut self.ambient.dice());
            let delay = delay.max(asked.unwrap_or_default());
            let until = Instant::now() + delay;
            shift.members.fail((&user_id, action), &errcode, until);
            tracing::warn!(user_id, ?action, %errcode, retry_in = ?delay, "the desk's members cannot be changed");
        }
        Ok(())
    }

    async fn do_to(&self, room_id: &str, user_id: &str, action: Action) -> Result<(), MatrixError> {
        match action {
            Action::Invite => self.homeserver.invite(room_id, user_id).await,
            Action::Remove => self.homeserver.remove(room_id, user_id).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const BOT: &str = "@bot:localhost";
    const STAFF: [&str; 2] = ["@alice:localhost", "@bob:localhost"];

    fn member(user_id: &str, membership: &str, sender: &str, age: Duration) -> Member {
        let written = Utc::now() - age;
        let event: Value = json!({
            "event_id": "$e", "type": "m.room.member", "state_key": user_id, "sender": sender,
            "origin_server_ts": written.timestamp_millis(), "content": { "membership": membership },
        });
        Member::read(&serde_json::from_value(event).unwrap()).unwrap()
    }

    fn actions(seen: Vec<Member>) -> Vec<(String, Action)> {
        let members = Members {
            seen,
            failed: HashMap::new(),
        };
        members.actions(&STAFF, BOT, Instant::now())
    }

    fn named(user_id: &str, action: Action) -> (String, Action) {
        (user_id.to_owned(), action)
    }

    #[test]
    fn missing_members_are_invited_and_strangers_are_removed() {
        let now = Duration::ZERO;
        let actions = actions(vec![
            member(BOT, "join", BOT, now),
            member("@alice:localhost", "invite", BOT, now),
            member("@carol:localhost", "join", "@carol:localhost", now),
            member("@dave:localhost", "leave", BOT, now),
        ]);
        let expected = [
            named("@bob:localhost", Action::Invite),
            named("@carol:localhost", Action::Remove),
        ];
        assert_eq!(actions, expected);
    }

    #[test]
    fn a_member_who_left_is_invited_again_after_an_hour_and_a_removed_one_at_once() {
        let minutes = Duration::from_mins;
        let (alice, bob) = (STAFF[0], STAFF[1]);
        let left = |age| {
            actions(vec![
                member(alice, "leave", alice, age),
                member(bob, "leave", BOT, age),
            ])
        };
        assert_eq!(left(minutes(59)), [named(bob, Action::Invite)]);
        assert_eq!(left(minutes(61)).len(), 2);
    }

    #[test]
    fn a_failed_invitation_is_delayed_and_delays_no_other() {
        let mut members = Members::default();
        let now = Instant::now();
        let until = now + Duration::from_secs(5);
        members.fail((STAFF[0], Action::Invite), "M_INVITE_BLOCKED", until);
        assert_eq!(
            members.actions(&STAFF, BOT, now),
            [named(STAFF[1], Action::Invite)]
        );
        assert_eq!(members.actions(&STAFF, BOT, until).len(), 2);
        assert!(members.cannot_be_invited().is_empty());
        let until = now + Duration::from_hours(2);
        members.fail((STAFF[0], Action::Invite), "timeout", until);
        assert!(members.cannot_be_invited().is_empty());
        members.fail((STAFF[0], Action::Invite), "M_INVITE_BLOCKED", until);
        assert_eq!(members.cannot_be_invited(), [STAFF[0]]);
        assert_eq!(
            members
                .actions(&STAFF, BOT, now + Duration::from_hours(1))
                .len(),
            1
        );
        members.done(STAFF[0], Action::Invite);
        assert!(members.cannot_be_invited().is_empty());
    }
}
