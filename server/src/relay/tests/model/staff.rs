//! The statements of staff and invitations.

use std::{collections::BTreeSet, time::Duration};

use uuid::Uuid;

use super::{Database, Member, is_claimable, queue::delta};
use crate::storage::staff_members::{LATEST_DUE, LATEST_LEASE, LEASE, Membership, Wanted};

impl Database {
    pub(super) fn staff(&self) -> Vec<String> {
        self.tables.staff.clone()
    }

    pub(super) fn set_staff(&mut self, staff: Vec<String>) {
        self.tables.staff = staff;
    }

    pub(super) fn begin_staff(&mut self, session_id: Uuid, members: Vec<(String, Membership)>) {
        self.flush();
        let now = self.now();
        for (user_id, membership) in members {
            let members = &mut self.tables.members;
            let member = members.entry((session_id, user_id)).or_insert(Member {
                membership,
                attempts: 0,
                due_at: now,
                delayed_at: Some(now),
                leased_until: None,
            });
            member.membership = membership;
            member.leased_until = Some(now + delta(LEASE));
        }
    }

    pub(super) fn record_invited(
        &mut self,
        session_id: Uuid,
        user_id: &str,
        membership: Membership,
    ) {
        let member = self.wanted(session_id, user_id);
        if let Some(member) = member {
            member.membership = membership;
            member.leased_until = None;
            member.attempts = 0;
        }
        self.flush();
    }

    pub(super) fn postpone_invitation(&mut self, wanted: &Wanted, delay: Duration) {
        let now = self.now();
        if let Some(member) = self.wanted(wanted.session_id, &wanted.user_id) {
            member.attempts += 1;
            member.leased_until = None;
            member.due_at = now + delta(delay);
            member.delayed_at = Some(now);
        }
        self.flush();
    }

    fn wanted(&mut self, session_id: Uuid, user_id: &str) -> Option<&mut Member> {
        let member = self
            .tables
            .members
            .get_mut(&(session_id, user_id.to_owned()));
        member.filter(|member| member.membership == Membership::Wanted)
    }

    pub(super) fn claim_invitations(&mut self, people: &[String], limit: i64) -> Vec<Wanted> {
        let now = self.now();
        let longest = (delta(LATEST_DUE), delta(LATEST_LEASE));
        let is_there = |membership| matches!(membership, Membership::Invited | Membership::Joined);
        let attended = self.tables.members.iter();
        let attended = attended.filter(|(_, member)| is_there(member.membership));
        let attended: BTreeSet<_> = attended.map(|((session_id, _), _)| *session_id).collect();
        let mut claimed = Vec::new();
        for ((session_id, user_id), member) in &mut self.tables.members {
            let times = (member.due_at, member.delayed_at, member.leased_until);
            let session = &self.tables.sessions[session_id];
            if let Some(room_id) = &session.subject.room_id
                && (session.is_open || !attended.contains(session_id))
                && member.membership == Membership::Wanted
                && people.contains(user_id)
                && is_claimable(times, now, longest.0, longest.1)
                && claimed.len() < usize::try_from(limit).unwrap_or(0)
            {
                member.leased_until = Some(now + delta(LEASE));
                claimed.push(Wanted {
                    session_id: *session_id,
                    room_id: room_id.clone(),
                    user_id: user_id.clone(),
                    attempts: member.attempts,
                });
            }
        }
        if !claimed.is_empty() {
            self.flush();
        }
        claimed
    }
}
