//! The kinds of tasks, and the columns of `outbox` that hold them.

use std::time::Duration;

use uuid::Uuid;

use crate::storage::{RoomAsked, sessions::Subject};

/// A task: something to do at the homeserver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Makes the session's room.
    CreateRoom,
    /// Tells the room who the visitor is.
    Details,
    /// Say how the visitor rates the conversation.
    Rating,
    /// Relays the visitor's message.
    Message(Uuid),
    /// Sends a message of the bot's own.
    Notice(String),
    /// Answers an event of the room, so that its sender gets a notification.
    Answer {
        /// The event.
        event_id: String,
        /// The answer.
        text: String,
    },
    /// Tells a new room what was said in the session's former ones.
    Retell,
    /// Adds or removes the mark of an ended conversation in the room's name, depending on the state at that moment.
    Rename,
    /// Remove from the homeserver what the bot wrote of the conversation.
    Erase,
    /// Shows a person who has joined what was said before.
    Recap {
        /// The `m.room.member` event.
        join_event_id: String,
        /// Who joined.
        user_id: String,
    },
}

/// Rooms are made in a lane of their own, so that messages of conversations that have a room do not wait behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Making rooms.
    Rooms,
    /// Everything that is sent to a room.
    Messages,
}

/// A task that this server has claimed.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The row, and the Matrix transaction.
    pub id: Uuid,
    /// Its place in the session's order.
    pub position: i64,
    /// How often it was claimed, including this time, without the times that it was given back unsent.
    pub attempts: i32,
    /// How long ago the homeserver was asked for the room, if it has not answered.
    pub room_asked: Option<RoomAsked>,
    /// The task itself.
    pub task: Task,
    /// The text of a [`Task::Message`].
    pub text: Option<String>,
    /// The conversation that it is for.
    pub subject: Subject,
}

impl Task {
    /// The lane of the task.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::CreateRoom => Lane::Rooms,
            _ => Lane::Messages,
        }
    }

    /// How long an attempt may take before it is given up, to be repeated later.
    #[must_use]
    pub const fn time_limit(&self) -> Duration {
        match self {
            // Synapse takes seconds to create a room when it is busy, and staff are invited then; a
            // recap reads history, and so does an erasure, which the next attempt continues.
            Self::CreateRoom | Self::Recap { .. } | Self::Erase => Duration::from_secs(70),
            Self::Retell
            | Self::Details
            | Self::Rating
            | Self::Message(_)
            | Self::Notice(_)
            | Self::Answer { .. }
            | Self::Rename => Duration::from_secs(10),
        }
    }

    pub(super) const fn message_id(&self) -> Option<Uuid> {
        match self {
            Self::Message(id) => Some(*id),
            _ => None,
        }
    }

    /// The columns that hold this task.
    pub(super) fn columns(&self) -> Columns<&str> {
        let of = Columns::of_kind;
        match self {
            Self::CreateRoom => of("create_room"),
            Self::Details => of("details"),
            Self::Rating => of("rating"),
            Self::Rename => of("rename"),
            Self::Erase => of("erase"),
            Self::Message(id) => Columns {
                message_id: Some(*id),
                ..of("message")
            },
            Self::Notice(text) => Columns {
                body: Some(text),
                ..of("notice")
            },
            // A server of the release before sends it as a notice, without the reference.
            Self::Answer { event_id, text } => Columns {
                body: Some(text),
                answers_event_id: Some(event_id),
                ..of("notice")
            },
            // A recap for nobody: the release before knows the kind, and the table requires both columns.
            Self::Retell => Columns {
                join_event_id: Some(""),
                joined_user_id: Some(""),
                ..of("recap")
            },
            Self::Recap {
                join_event_id,
                user_id,
            } => Columns {
                join_event_id: Some(join_event_id),
                joined_user_id: Some(user_id),
                ..of("recap")
            },
        }
    }
}

/// The columns of `outbox` that hold a task.
#[derive(Debug)]
pub(super) struct Columns<T> {
    pub(super) kind: T,
    pub(super) message_id: Option<Uuid>,
    pub(super) body: Option<T>,
    pub(super) join_event_id: Option<T>,
    pub(super) joined_user_id: Option<T>,
    pub(super) answers_event_id: Option<T>,
}

impl<T> Columns<T> {
    const fn of_kind(kind: T) -> Self {
        Self {
            kind,
            message_id: None,
            body: None,
            join_event_id: None,
            joined_user_id: None,
            answers_event_id: None,
        }
    }
}

impl Columns<String> {
    /// The task in these columns; `None` when this release does not know its kind.
    pub(super) fn task(self) -> Option<Task> {
        Some(match (self.kind.as_str(), self.message_id, self.body) {
            ("create_room", ..) => Task::CreateRoom,
            ("details", ..) => Task::Details,
            ("rating", ..) => Task::Rating,
            ("rename", ..) => Task::Rename,
            ("erase", ..) => Task::Erase,
            ("message", Some(id), _) => Task::Message(id),
            ("notice", _, Some(text)) => match self.answers_event_id {
                Some(event_id) => Task::Answer { event_id, text },
                None => Task::Notice(text),
            },
            _ => {
                let (join_event_id, user_id) = (self.join_event_id?, self.joined_user_id?);
                if join_event_id.is_empty() && user_id.is_empty() {
                    Task::Retell
                } else {
                    Task::Recap {
                        join_event_id,
                        user_id,
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_say_which_task_they_were_made_of() {
        let text = || "text".to_owned();
        for task in [
            Task::CreateRoom,
            Task::Details,
            Task::Rating,
            Task::Message(Uuid::from_u128(1)),
            Task::Notice(text()),
            Task::Answer {
                event_id: "$event".to_owned(),
                text: text(),
            },
            Task::Retell,
            Task::Rename,
            Task::Erase,
            Task::Recap {
                join_event_id: "$join".to_owned(),
                user_id: "@alice:localhost".to_owned(),
            },
        ] {
            let columns = task.columns();
            let read = Columns {
                kind: columns.kind.to_owned(),
                message_id: columns.message_id,
                body: columns.body.map(str::to_owned),
                join_event_id: columns.join_event_id.map(str::to_owned),
                joined_user_id: columns.joined_user_id.map(str::to_owned),
                answers_event_id: columns.answers_event_id.map(str::to_owned),
            };
            assert_eq!(read.task(), Some(task));
        }
        assert_eq!(
            Columns::of_kind("of the next release".to_owned()).task(),
            None
        );
    }
}
