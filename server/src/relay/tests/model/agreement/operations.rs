//! The operations on the queue, each of which runs on both sides.

use std::time::Duration;

use chrono::TimeDelta;
use rand::{RngExt, seq::IndexedRandom};
use uuid::Uuid;

use super::{Both, STAFF, agree};
use crate::relay::{
    queue::{self, Claim, End, Lane, Outcome, Task},
    store::Store,
};

impl Both {
    pub(super) async fn begin_session(&mut self) {
        let name = self.dice.random_bool(0.5).then(|| self.new_name("visitor"));
        let text = self.new_name("text");
        let may_claim = self.dice.random_bool(0.5);
        let (id, model) = self
            .database()
            .begin_session(name.as_deref(), &text, may_claim);
        let message_id = self.database().messages(id)[0].id;
        let mut tx = self.shares.relay.begin().await.unwrap();
        sqlx::query("INSERT INTO sessions (id, visitor_name) VALUES ($1, $2)")
            .bind(id)
            .bind(&name)
            .execute(&mut *tx)
            .await
            .unwrap();
        let postgres = queue::push_or_claim(&mut tx, id, &Task::CreateRoom, may_claim);
        let postgres = postgres.await.unwrap();
        if name.is_some() {
            queue::push(&mut tx, id, &Task::Details).await.unwrap();
        }
        queue::push_message(&mut tx, id, message_id, &text, false)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.sessions.push(id);
        self.agree_on_claims(
            "push_or_claim",
            Vec::from_iter(model),
            Vec::from_iter(postgres),
        );
    }

    pub(super) async fn write(&mut self, session_id: Uuid) {
        let text = self.new_name("text");
        let may_claim = self.dice.random_bool(0.5);
        let model = self.database().write(session_id, &text, may_claim);
        let messages = self.database().messages(session_id);
        let id = messages.last().map(|message| message.id).unwrap();
        let mut tx = self.shares.relay.begin().await.unwrap();
        let postgres = queue::push_message(&mut tx, session_id, id, &text, may_claim);
        let postgres = postgres.await.unwrap().claim;
        tx.commit().await.unwrap();
        self.agree_on_claims(
            "push_message",
            Vec::from_iter(model),
            Vec::from_iter(postgres),
        );
    }

    pub(super) async fn push(&mut self, session_id: Uuid) {
        let text = self.new_name("text");
        let event_id = self.new_name("$event");
        let user_id = STAFF[0].to_owned();
        let tasks = [
            Task::Details,
            Task::Rename,
            Task::Retell,
            Task::Notice(text.clone()),
            Task::Answer {
                event_id: event_id.clone(),
                text,
            },
            Task::Recap {
                join_event_id: event_id,
                user_id,
            },
        ];
        let task = tasks.choose(&mut self.dice).cloned().unwrap();
        self.push_task(session_id, task).await;
    }

    pub(super) async fn push_task(&mut self, session_id: Uuid, task: Task) {
        let mut tx = self.shares.relay.begin().await.unwrap();
        queue::push(&mut tx, session_id, &task).await.unwrap();
        tx.commit().await.unwrap();
        self.database().push(session_id, task);
    }

    pub(super) async fn end_or_reopen(&mut self, session_id: Uuid) {
        let is_open = self.dice.random_bool(0.5);
        self.database().set_open(session_id, is_open);
        let mut tx = self.shares.relay.begin().await.unwrap();
        sqlx::query(
            "UPDATE sessions SET closed_at = CASE WHEN $2 THEN NULL ELSE now() END WHERE id = $1",
        )
        .bind(session_id)
        .bind(is_open)
        .execute(&mut *tx)
        .await
        .unwrap();
        queue::push(&mut tx, session_id, &Task::Rename)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn claim(&mut self) {
        let lane = if self.dice.random_bool(0.4) {
            Lane::Rooms
        } else {
            Lane::Messages
        };
        let limit = [1, 2, 100].choose(&mut self.dice).copied().unwrap();
        let model = self.model.claim(lane, limit).await.unwrap();
        let postgres = self.postgres.claim(lane, limit).await.unwrap();
        self.agree_on_claims("claim", model, postgres);
    }

    pub(super) async fn keep_or_give_back(&mut self, (model, postgres): (Claim, Claim)) {
        match self.dice.random_range(0..5) {
            0 => agree(
                "renew",
                self.model.renew(&model).await.unwrap(),
                self.postgres.renew(&postgres).await.unwrap(),
            ),
            1 => {
                self.model.give_back(&[model]).await.unwrap();
                self.postgres.give_back(&[postgres]).await.unwrap();
            }
            2 => {
                let delay = Duration::from_secs(self.dice.random_range(0..300));
                self.model.retry(&model, delay).await.unwrap();
                self.postgres.retry(&postgres, delay).await.unwrap();
            }
            3 => {
                let asked = self
                    .dice
                    .random_bool(0.7)
                    .then_some(self.now - TimeDelta::seconds(2));
                agree(
                    "set_room_asked",
                    self.model.set_room_asked(&model, asked).await.unwrap(),
                    self.postgres
                        .set_room_asked(&postgres, asked)
                        .await
                        .unwrap(),
                );
            }
            _ => {
                let id = model.subject.id;
                agree(
                    "yield_turn",
                    self.model.yield_turn(id).await.unwrap(),
                    self.postgres.yield_turn(id).await.unwrap(),
                );
            }
        }
    }

    /// A possible end of a task, which also claims tasks behind it.
    fn an_end(&mut self, (model, postgres): (Claim, Claim), outcome: &Outcome) -> (End, End) {
        let of_session = self
            .claims
            .iter()
            .filter(|(it, _)| it.subject.id == model.subject.id);
        let last = of_session.map(|(claim, _)| claim.position).max();
        let after = last
            .filter(|_| self.dice.random_bool(0.5))
            .unwrap_or(model.position);
        let limit = self.dice.random_range(0..4);
        let end = |claim| End {
            claim,
            outcome: outcome.clone(),
            after,
            limit,
        };
        (end(model), end(postgres))
    }

    /// Ends of several sessions, one of each, as the recorder passes them on.
    pub(super) async fn finish(&mut self) {
        let (mut model, mut postgres) = (Vec::new(), Vec::new());
        for _ in 0..self.dice.random_range(1..4) {
            let Some(claim) = self.any_claim() else {
                continue;
            };
            let is_there = |end: &End| end.claim.subject.id == claim.0.subject.id;
            if model.iter().any(is_there) {
                continue;
            }
            let event_id = self.new_name("$sent");
            let outcomes = [Outcome::Sent(event_id), Outcome::Done, Outcome::Failed];
            let outcome = outcomes.choose_weighted(&mut self.dice, |it| match it {
                Outcome::Sent(_) => 8,
                Outcome::Done | Outcome::Failed => 1,
            });
            let (by_model, by_postgres) = self.an_end(claim, outcome.unwrap());
            model.push(by_model);
            postgres.push(by_postgres);
        }
        let model = self.model.finish(&model).await.unwrap();
        let postgres = self.postgres.finish(&postgres).await.unwrap();
        assert_eq!(model.len(), postgres.len());
        for (model, postgres) in model.into_iter().zip(postgres) {
            agree("message_ended", model.message_ended, postgres.message_ended);
            self.agree_on_claims("finish", model.next, postgres.next);
        }
    }

    pub(super) async fn finish_failed(&mut self, claim: (Claim, Claim)) {
        let (model, postgres) = self.an_end(claim, &Outcome::Failed);
        let model = self
            .model
            .finish_failed(&model, "It failed.")
            .await
            .unwrap();
        let postgres = self
            .postgres
            .finish_failed(&postgres, "It failed.")
            .await
            .unwrap();
        agree("finish_failed", model.message_ended, postgres.message_ended);
        self.agree_on_claims("finish_failed", model.next, postgres.next);
    }

    pub(super) async fn replace_room(&mut self, (model, postgres): (Claim, Claim)) {
        let current = self.database().room_of(model.subject.id);
        let room_id = current.unwrap_or_else(|| "!none".to_owned());
        agree(
            "replace_room",
            self.model.replace_room(&model, &room_id).await.unwrap(),
            self.postgres
                .replace_room(&postgres, &room_id)
                .await
                .unwrap(),
        );
    }
}
