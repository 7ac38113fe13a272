//! The statements of the outbox.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Database, FormerRoom, Row, is_claimable};
use crate::{
    relay::queue::{
        Claim, End, Finished, LATEST_DUE, LATEST_LEASE, LEASE, Lane, Outcome, Replaced, Task,
    },
    storage::claimable::LONGEST_DELAY,
};

pub(super) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

fn can_be_claimed(row: &Row, now: DateTime<Utc>) -> bool {
    let times = (row.due_at, row.delayed_at, row.leased_until);
    is_claimable(times, now, delta(LATEST_DUE), delta(LATEST_LEASE))
}

impl Database {
    pub(super) fn claim(&mut self, lane: Lane, limit: i64) -> Vec<Claim> {
        let now = self.now();
        let tables = &self.tables;
        let is_first = |row: &Row| {
            let mut of_session = tables.outbox.iter();
            !of_session
                .any(|other| other.session_id == row.session_id && other.position < row.position)
        };
        let rows = 0..tables.outbox.len();
        let mut heads: Vec<_> = rows
            .filter(|n| {
                let row = &tables.outbox[*n];
                row.task.lane() == lane && can_be_claimed(row, now) && is_first(row)
            })
            .collect();
        heads.sort_by_key(|n| {
            (
                tables.outbox[*n].due_at.min(now),
                tables.outbox[*n].position,
            )
        });
        heads.truncate(usize::try_from(limit).unwrap_or(0));
        if !heads.is_empty() {
            self.flush();
        }
        self.take(&heads, now)
    }

    fn take(&mut self, rows: &[usize], now: DateTime<Utc>) -> Vec<Claim> {
        let claims = rows.iter().map(|n| {
            let row = &mut self.tables.outbox[*n];
            row.attempts += 1;
            row.leased_until = Some(now + delta(LEASE));
            let row = row.clone();
            self.tables.claim_of(&row, now)
        });
        claims.collect()
    }

    pub(super) fn renew(&mut self, claim: &Claim) -> bool {
        let now = self.now();
        let outbox = &mut self.tables.outbox;
        let is_held = outbox
            .iter()
            .any(|row| row.id == claim.id && row.attempts == claim.attempts);
        if is_held {
            for row in outbox {
                let is_leased = row.leased_until.is_some_and(|until| until > now);
                if row.session_id == claim.subject.id && (row.id == claim.id || is_leased) {
                    row.leased_until = Some(now + delta(LEASE));
                }
            }
            self.flush();
        }
        is_held
    }

    fn held(&mut self, claim: &Claim) -> Option<&mut Row> {
        let mut rows = self.tables.outbox.iter_mut();
        rows.find(|row| row.id == claim.id && row.attempts == claim.attempts)
    }

    pub(super) fn give_back(&mut self, claims: &[Claim]) {
        for claim in claims {
            if let Some(row) = self.held(claim) {
                row.attempts -= 1;
                row.leased_until = None;
            }
        }
        self.flush();
    }

    pub(super) fn retry(&mut self, claim: &Claim, delay: Duration) {
        let now = self.now();
        if let Some(row) = self.held(claim) {
            row.leased_until = None;
            row.due_at = now + delta(delay);
            row.delayed_at = Some(now);
        }
        self.flush();
    }

    pub(super) fn yield_turn(&mut self, session_id: Uuid) -> bool {
        let now = self.now();
        self.flush();
        let Some(first) = self.tables.rows_of(session_id).first().copied() else {
            return false;
        };
        let row = &mut self.tables.outbox[first];
        if row.leased_until.is_some() || row.due_at > now {
            return false;
        }
        row.due_at = now;
        row.delayed_at = None;
        true
    }

    pub(super) fn finish(&mut self, ends: &[End]) -> Vec<Finished> {
        let now = self.now();
        self.begin_unflushed();
        let mut finished = Vec::new();
        for end in ends {
            let session_id = end.claim.subject.id;
            let room_id = &self.tables.sessions[&session_id].subject.room_id;
            let is_of_this_room =
                end.claim.subject.room_id.is_none() || end.claim.subject.room_id == *room_id;
            // Ends are recorded in the session's order.
            let first = self.tables.rows_of(session_id).first().copied();
            let row = first.filter(|row| self.tables.outbox[*row].id == end.claim.id);
            let Some(row) = row.filter(|_| is_of_this_room) else {
                finished.push(Finished::default());
                continue;
            };
            let row = self.tables.outbox.remove(row);
            let message_ended = self.end(&row, &end.outcome);
            let behind = self.tables.rows_of(session_id);
            let behind = behind
                .into_iter()
                .filter(|n| self.tables.outbox[*n].position > end.after)
                .take(usize::try_from(end.limit).unwrap_or(0))
                .take_while(|n| can_be_claimed(&self.tables.outbox[*n], now));
            let behind: Vec<_> = behind.collect();
            finished.push(Finished {
                message_ended,
                next: self.take(&behind, now),
            });
        }
        // Only a claim waits for the disk.
        if finished.iter().any(|finished| !finished.next.is_empty()) {
            self.flush();
        }
        finished
    }

    fn end(&mut self, row: &Row, outcome: &Outcome) -> bool {
        if let Outcome::Sent(event_id) = outcome {
            self.tables.sent.insert(event_id.clone(), row.session_id);
        }
        let Task::Message(id) = row.task else {
            return false;
        };
        let session = self.tables.sessions.get_mut(&row.session_id);
        let mut messages = session
            .into_iter()
            .flat_map(|session| &mut session.messages);
        let Some(message) = messages.find(|message| message.id == id) else {
            return false;
        };
        message.delivery = match outcome {
            Outcome::Failed => "failed",
            Outcome::Sent(_) | Outcome::Done => "delivered",
        };
        true
    }

    pub(super) fn finish_failed(&mut self, end: &End, notice: &str) -> Finished {
        let finished = self.finish(std::slice::from_ref(end)).remove(0);
        if finished.message_ended {
            self.push(end.claim.subject.id, Task::Notice(notice.to_owned()));
        }
        self.flush();
        finished
    }

    pub(super) fn set_room_asked(&mut self, claim: &Claim, asked: Option<DateTime<Utc>>) -> bool {
        let now = self.now();
        self.flush();
        let Some(row) = self.held(claim) else {
            return false;
        };
        row.room_asked_at = asked.map(|_| now);
        row.room_asked_own = asked;
        true
    }

    pub(super) fn replace_room(&mut self, claim: &Claim, room_id: &str) -> Replaced {
        let (now, session_id) = (self.now(), claim.subject.id);
        self.flush();
        let session = &self.tables.sessions[&session_id];
        let is_open = session.is_open;
        let has_room = session.subject.room_id.as_deref() == Some(room_id);
        if !has_room || self.held(claim).is_none() {
            return Replaced::Already;
        }
        let of_session = |row: &&Row| row.session_id == session_id;
        let rows = || self.tables.outbox.iter().filter(of_session);
        if !is_open && !rows().any(|row| matches!(row.task, Task::Message(_))) {
            self.tables
                .outbox
                .retain(|row| row.session_id != session_id);
            return Replaced::ByNothing;
        }
        let first = rows().map(|row| row.position).min().unwrap_or(0);
        let lately = self.tables.former_rooms.values().filter(|former| {
            former.session_id == session_id && former.left_at > now - TimeDelta::hours(1)
        });
        let delay = match u32::try_from(lately.count()).unwrap_or(u32::MAX) {
            0 => Duration::ZERO,
            lost => (Duration::from_secs(5) * 2_u32.pow(lost.min(10))).min(LONGEST_DELAY),
        };
        self.tables.outbox.retain(|row| {
            row.session_id != session_id
                || !matches!(
                    row.task,
                    Task::CreateRoom | Task::Details | Task::Retell | Task::Recap { .. }
                )
        });
        for row in &mut self.tables.outbox {
            if row.session_id == session_id {
                (row.leased_until, row.due_at, row.delayed_at) = (None, now, None);
            }
        }
        for (task, before) in [(Task::CreateRoom, 2), (Task::Retell, 1)] {
            let row = self.new_row(session_id, first - before, task);
            self.tables.outbox.push(Row {
                due_at: now + delta(delay),
                delayed_at: Some(now),
                ..row
            });
        }
        self.tables
            .members
            .retain(|(session, _), _| *session != session_id);
        let former = FormerRoom {
            session_id,
            left_at: now,
            was_seen: true,
        };
        self.tables.former_rooms.insert(room_id.to_owned(), former);
        if let Some(session) = self.tables.sessions.get_mut(&session_id) {
            session.subject.room_id = None;
        }
        self.notify(session_id);
        Replaced::ByNewRoom
    }

    fn new_row(&mut self, session_id: Uuid, position: i64, task: Task) -> Row {
        Row {
            id: self.new_id(),
            position,
            session_id,
            task,
            attempts: 0,
            due_at: self.now(),
            delayed_at: None,
            leased_until: None,
            room_asked_at: None,
            room_asked_own: None,
        }
    }

    pub(crate) fn push(&mut self, session_id: Uuid, task: Task) {
        self.push_or_claim(session_id, task, false);
    }

    /// Queues a task. Claims it when the caller may and nothing of its session comes before it.
    pub(super) fn push_or_claim(
        &mut self,
        session_id: Uuid,
        task: Task,
        may_claim: bool,
    ) -> Option<Claim> {
        let now = self.now();
        let is_first = self.tables.rows_of(session_id).is_empty();
        self.tables.last_position += 10;
        let mut row = self.new_row(session_id, self.tables.last_position, task);
        let claims = may_claim && is_first;
        if claims {
            row.attempts = 1;
            row.leased_until = Some(now + delta(LEASE));
        }
        self.tables.outbox.push(row.clone());
        self.flush();
        if claims {
            return Some(self.tables.claim_of(&row, now));
        }
        self.notify(session_id);
        None
    }
}
