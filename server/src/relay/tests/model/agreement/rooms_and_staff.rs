//! The operations on rooms and staff, and the look-ups, each of which runs on both sides.

use std::time::Duration;

use rand::{RngExt, seq::IndexedRandom};
use uuid::Uuid;

use super::{Both, STAFF, agree, sorted};
use crate::{
    relay::store::Store,
    storage::staff_members::{Membership, Wanted},
};

impl Both {
    pub(super) async fn set_rooms(&mut self, session_id: Uuid) {
        let room_id = self.new_name("!room");
        let former = self.database().tables.former_rooms.keys().next().cloned();
        match self.dice.random_range(0..5) {
            0 => {
                let current = self.database().room_of(session_id);
                let room_id = current.unwrap_or(room_id);
                self.model.disown_room(session_id, &room_id).await.unwrap();
                self.postgres
                    .disown_room(session_id, &room_id)
                    .await
                    .unwrap();
            }
            1 => {
                let room_id = former.unwrap_or(room_id);
                agree(
                    "set_room of a former room",
                    self.model.set_room(session_id, &room_id).await.unwrap(),
                    self.postgres.set_room(session_id, &room_id).await.unwrap(),
                );
            }
            _ => {
                agree(
                    "set_room",
                    self.model.set_room(session_id, &room_id).await.unwrap(),
                    self.postgres.set_room(session_id, &room_id).await.unwrap(),
                );
                let members = [
                    (STAFF[0], Membership::Wanted),
                    (STAFF[1], Membership::Wanted),
                ];
                let known = self.dice.random_range(0..3);
                self.model
                    .begin_staff(session_id, &members[..known])
                    .await
                    .unwrap();
                self.postgres
                    .begin_staff(session_id, &members[..known])
                    .await
                    .unwrap();
            }
        }
    }

    pub(super) async fn claim_invitations(&mut self) {
        let by_person = |wanted: &Wanted| (wanted.session_id, wanted.user_id.clone());
        let mut model = self.model.claim_invitations(&STAFF, 1_000).await.unwrap();
        let mut postgres = self
            .postgres
            .claim_invitations(&STAFF, 1_000)
            .await
            .unwrap();
        model.sort_by_key(by_person);
        postgres.sort_by_key(by_person);
        agree("claim_invitations", &model, &postgres);
        self.wanted.extend(model);
    }

    pub(super) async fn invite(&mut self) {
        let Some(wanted) = self.wanted.choose(&mut self.dice).cloned() else {
            return;
        };
        let (id, user) = (wanted.session_id, wanted.user_id.as_str());
        match self.dice.random_range(0..3) {
            0 => {
                let delay = Duration::from_secs(self.dice.random_range(0..4_000));
                self.model
                    .postpone_invitation(&wanted, "M_UNKNOWN", delay)
                    .await
                    .unwrap();
                self.postgres
                    .postpone_invitation(&wanted, "M_UNKNOWN", delay)
                    .await
                    .unwrap();
            }
            other => {
                let is = if other == 1 {
                    Membership::Invited
                } else {
                    Membership::Joined
                };
                self.model.record_invited(id, user, is).await.unwrap();
                self.postgres.record_invited(id, user, is).await.unwrap();
            }
        }
    }

    pub(super) async fn look_up(&mut self, id: Uuid) {
        let (model, postgres) = (&self.model, &self.postgres);
        agree(
            "state",
            model.state(id).await.unwrap(),
            postgres.state(id).await.unwrap(),
        );
        let mut names = [
            model.naming(id).await.unwrap(),
            postgres.naming(id).await.unwrap(),
        ];
        // The model has the same code for all sessions.
        for naming in &mut names {
            naming.code.clear();
        }
        agree("naming", &names[0], &names[1]);
        let rooms: Vec<_> = self
            .database()
            .tables
            .former_rooms
            .keys()
            .cloned()
            .collect();
        agree(
            "former_rooms",
            sorted(model.former_rooms(&rooms).await.unwrap()),
            sorted(postgres.former_rooms(&rooms).await.unwrap()),
        );
        let rooms: Vec<_> = self
            .sessions
            .iter()
            .filter_map(|id| self.database().room_of(*id))
            .collect();
        agree(
            "sessions_of",
            sorted(model.sessions_of(&rooms).await.unwrap()),
            sorted(postgres.sessions_of(&rooms).await.unwrap()),
        );
        let sent: Vec<_> = self
            .database()
            .tables
            .sent
            .keys()
            .take(3)
            .cloned()
            .collect();
        agree(
            "any_sent",
            model.any_sent(id, &sent).await.unwrap(),
            postgres.any_sent(id, &sent).await.unwrap(),
        );
        agree(
            "newest_said",
            model.newest_said(id, None, 3).await.unwrap(),
            postgres.newest_said(id, None, 3).await.unwrap(),
        );
        let messages = self.database().messages(id);
        let some: Vec<_> = messages
            .iter()
            .step_by(2)
            .map(|message| message.id)
            .collect();
        for only in [None, Some(&*some)] {
            agree(
                "count_said",
                model.count_said(id, only).await.unwrap(),
                postgres.count_said(id, only).await.unwrap(),
            );
        }
        let room_id = self.database().room_of(id).unwrap_or_default();
        agree(
            "details_notice",
            model.details_notice(id, &room_id).await.unwrap(),
            postgres.details_notice(id, &room_id).await.unwrap(),
        );
        let event_id = self.new_name("$details");
        let told = Some(event_id.as_bytes());
        self.model
            .record_details(id, &room_id, &event_id, told)
            .await
            .unwrap();
        self.postgres
            .record_details(id, &room_id, &event_id, told)
            .await
            .unwrap();
        let staff = if self.dice.random_bool(0.5) {
            &STAFF[..]
        } else {
            &STAFF[..1]
        };
        self.model.set_staff(staff).await.unwrap();
        self.postgres.set_staff(staff).await.unwrap();
        agree(
            "staff",
            sorted(self.model.staff().await.unwrap()),
            sorted(self.postgres.staff().await.unwrap()),
        );
    }
}
