//! The record of what operators do: in Postgres, from where a server takes it into its log, and at the desk, where it
//! concerns a conversation.

use std::env;

use uuid::Uuid;

use crate::{
    config::{Config, StaffLanguage},
    matrix,
    storage::{
        Connection,
        administrations::{self, Administration},
        desk::{
            messages::{self, Saying},
            room,
        },
    },
};

/// Whoever carries out a command.
#[derive(Clone, Debug)]
pub(super) struct Auditor {
    operator: String,
    /// The language of the desk, if there is a desk.
    desk: Option<StaffLanguage>,
}

/// A conversation that a command concerns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Concerned<'a> {
    pub(super) session_id: Uuid,
    /// The code by which staff name it. The desk does not know a conversation that has none yet.
    pub(super) code: Option<&'a str>,
}

impl Auditor {
    /// The account of the operating system that runs this process, or for which `sudo` runs it.
    pub(super) fn new(config: &Config) -> Self {
        let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter();
        let name = named
            .filter_map(|name| env::var(name).ok())
            .find(|name| !name.is_empty() && !name.contains(char::is_control));
        Self {
            operator: name.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
            desk: config.desk.is_on.then_some(config.matrix.answers.language),
        }
    }

    /// Records a command, in the transaction that carries it out, where staff need not know of it.
    pub(super) async fn note(
        &self,
        db: &mut Connection,
        action: &str,
        session_id: Option<Uuid>,
    ) -> Result<(), sqlx::Error> {
        let done = Administration {
            operator: self.operator.clone(),
            action: action.to_owned(),
            session_id,
        };
        tracing::info!(
            operator = done.operator,
            action,
            session_id = session_id.map(tracing::field::display),
            "carried out"
        );
        administrations::record(db, &done).await
    }

    /// Records a command that concerns a conversation, and has the desk told.
    pub(super) async fn tell(
        &self,
        db: &mut Connection,
        action: &str,
        concerned: Concerned<'_>,
    ) -> Result<(), sqlx::Error> {
        self.note(db, action, Some(concerned.session_id)).await?;
        let Some((language, code)) = self.desk.zip(concerned.code) else {
            return Ok(());
        };
        if let Some(desk) = room::get(&mut *db).await? {
            let text = matrix::administered(language, action, code);
            messages::push(db, &desk.room_id, &Saying::Alert(text)).await?;
        }
        Ok(())
    }
}
