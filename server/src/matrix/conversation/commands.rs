//! Carries out commands of staff. A command, its effect and its answer are one transaction.

use incoming::command::Command;
use uuid::Uuid;

use super::{Conversation, Entry, Incoming};
use crate::{
    matrix::rules::Rules,
    relay::queue::{self, Task},
    storage::{
        Connection, blocked_addresses,
        desk::lines,
        mail::addresses,
        sessions::{self, State},
    },
};

impl Conversation {
    /// Carries out a command and answers it; returns the entry for the visitor, if there is one.
    pub(super) async fn run(
        &mut self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        command: &Command,
    ) -> Result<Option<Uuid>, sqlx::Error> {
        let (session_id, texts) = (self.session_id, incoming.rules.texts);
        let answer = match command {
            // The planner has recognised another meaning.
            Command::Note => return Ok(None),
            Command::Help => texts.help().to_owned(),
            Command::Unknown => texts.unknown(),
            Command::Misused => texts.misused(),
            Command::Email => self.where_mailed(db, incoming).await?,
            Command::Close if self.state == State::Open => {
                sessions::close(db, session_id).await?;
                lines::closed_by_staff(&mut *db, session_id).await?;
                queue::push(db, session_id, &Task::Rename).await?;
                self.state = State::Closed;
                tracing::info!(%session_id, "session closed by staff");
                texts.close_done.to_owned()
            }
            Command::Close => texts.close_not_open.to_owned(),
            Command::Reopen if self.state == State::Open => texts.reopen_open.to_owned(),
            Command::Reopen if self.is_erased => texts.reopen_erased.to_owned(),
            Command::Reopen => {
                sessions::reopen(db, session_id).await?;
                queue::push(db, session_id, &Task::Rename).await?;
                self.state = State::Open;
                tracing::info!(%session_id, "session reopened by staff");
                texts.reopen_done.to_owned()
            }
            Command::Reply(name) => {
                return self.reply(db, incoming, name.as_deref()).await;
            }
            Command::Block(None) => texts.block_usage.to_owned(),
            Command::Block(Some(time)) => {
                let until = blocked_addresses::block(db, session_id, *time).await?;
                match until {
                    None => texts.block_no_address.to_owned(),
                    Some(_) if time.is_zero() => texts.block_lifted.to_owned(),
                    Some(until) => {
                        tracing::info!(%session_id, %until, "a visitor's address was blocked by staff");
                        texts.block_done(until, self.state == State::Open)
                    }
                }
            }
        };
        self.answer(db, incoming, &answer).await?;
        Ok(None)
    }

    /// Where replies are mailed, if anywhere.
    async fn where_mailed(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
    ) -> Result<String, sqlx::Error> {
        let Rules {
            texts, mail_after, ..
        } = incoming.rules;
        let address = addresses::find(db, self.session_id).await?;
        Ok(match address.zip(*mail_after) {
            None => texts.email.to_owned(),
            Some((address, _)) if address.is_off => texts.email_off.to_owned(),
            Some((address, after)) => texts.email_to(&address.address, after),
        })
    }

    /// Sends a canned reply, or lists the canned replies.
    async fn reply(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        name: Option<&str>,
    ) -> Result<Option<Uuid>, sqlx::Error> {
        let rules = incoming.rules;
        let Some(text) = name.and_then(|name| rules.canned.get(name)) else {
            let list = rules.texts.canned_list(rules.canned.iter(), name.is_some());
            self.answer(db, incoming, &list).await?;
            return Ok(None);
        };
        // A command is answered each time.
        if self.state != State::Open {
            self.answer(db, incoming, self.ended(rules)).await?;
            return Ok(None);
        }
        let text = rules.planner.visible(text);
        let outcome = rules.texts.canned_sent(&text);
        let entry = Entry {
            body: &text,
            outcome: Some(&outcome),
            ..Entry::default()
        };
        self.append(db, incoming, entry).await
    }
}
