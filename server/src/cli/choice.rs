//! How operators name conversations.

use uuid::Uuid;

use super::CommandError;
use crate::storage::{
    Db,
    visitor_data::{self, Conversation},
};

/// The conversation of this session id, or of the code at the end of its room's name.
pub(super) async fn conversation(db: &Db, named: &str) -> Result<Conversation, CommandError> {
    let id = match named.parse::<Uuid>() {
        Ok(id) => Some(id),
        Err(_) => visitor_data::session_of_code(db, named).await?,
    };
    let found = match id {
        Some(id) => visitor_data::conversation(db, id).await?,
        None => None,
    };
    found.ok_or_else(|| {
        let named = named.escape_debug();
        CommandError::Refused(format!("there is no conversation {named}"))
    })
}
