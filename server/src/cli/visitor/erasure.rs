//! Erases a visitor's conversations, and says what that does not reach.

use std::io::Write;

use crate::{
    cli::{
        CommandError,
        audit::{Auditor, Concerned},
        time,
    },
    config::Config,
    storage::{Db, erasure, sessions, visitor_data::Conversation},
    support_chat,
};

/// What staff read in the room.
const NOTICE: &str = "An operator has erased this conversation: the visitor's messages and details are gone. \
                      Messages sent here no longer reach the visitor.";

/// Deletes from Synapse's database, whichever it is, what Synapse keeps of redacted events for good: their words in its
/// search index, and the room's former name beside the people who were invited.
pub const CLEAR_SYNAPSE: [&str; 2] = [
    "DELETE FROM event_search WHERE event_id IN (SELECT redacts FROM redactions)",
    "UPDATE sliding_sync_membership_snapshots SET room_name = NULL WHERE room_id IN (SELECT room_id FROM events \
     WHERE type = 'm.room.name' AND event_id IN (SELECT redacts FROM redactions))",
];

/// What no erasure reaches, and what can be done about it. docs/guide/privacy.md says the same.
const OUT_OF_REACH: &str = "\
Gone from Postgres now: texts, name, address, page, ratings, mail address and tokens of these conversations.
A running server redacts in Matrix what the bot wrote of them; `matrix-support-chat outbox list` shows `erase` until then.

What this does not reach:
- What staff wrote themselves, and what they quoted from the visitor: it is in the rooms until they redact it.
- What Synapse keeps of redacted events: 7 days, or as its `redaction_retention_period` says. What staff's Matrix
  clients have stored until they next synchronise, and notifications that push services have passed on.
- Rooms that the bot has left, and mails that were sent.
- Backups of both databases until they are deleted, and the logs of the proxy and of Synapse, which have addresses and
  times, and no texts.
- What Synapse keeps of redacted events for good: their words in its search index, unless it has `enable_search: false`,
  and the room's former name beside the people who were invited. When the queue has no `erase` of these conversations
  any more, these statements in Synapse's database delete that:";

pub(super) async fn run(
    config: &Config,
    db: &Db,
    conversations: &[Conversation],
    dry_run: bool,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    for conversation in conversations {
        let rooms = erasure::traces(db, conversation.id).await?.rooms;
        if !dry_run {
            erase(config, db, conversation).await?;
        }
        writeln!(
            out,
            "{id} {code}, begun {began}: {done}; {rooms}",
            id = conversation.id,
            code = conversation.code.as_deref().unwrap_or("-"),
            began = time(conversation.created_at),
            done = if dry_run { "would be erased" } else { "erased" },
            rooms = match rooms.as_slice() {
                [] => "no room".to_owned(),
                rooms => format!("rooms {}", rooms.join(", ")),
            },
        )?;
    }
    if dry_run {
        writeln!(out, "\nNothing was erased.")?;
        return Ok(());
    }
    writeln!(out, "\n{OUT_OF_REACH}")?;
    for statement in CLEAR_SYNAPSE {
        writeln!(out, "  {statement};")?;
    }
    write_purge(config, db, conversations, out).await
}

async fn erase(config: &Config, db: &Db, conversation: &Conversation) -> Result<(), CommandError> {
    let id = conversation.id;
    let mut tx = db.begin().await?;
    sessions::lock(&mut tx, id, config.limits.session_ttl).await?;
    // The room was told when it was erased before.
    let notice = (!conversation.is_erased).then_some(NOTICE);
    support_chat::erase(&mut tx, id, notice).await?;
    let concerned = Concerned {
        session_id: id,
        code: conversation.code.as_deref(),
    };
    Auditor::new(config)
        .tell(&mut tx, "visitor erase", concerned)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// How to have Synapse forget whole rooms, which only its administrator can.
async fn write_purge(
    config: &Config,
    db: &Db,
    conversations: &[Conversation],
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let mut rooms = Vec::new();
    for conversation in conversations {
        rooms.extend(erasure::traces(db, conversation.id).await?.rooms);
    }
    if rooms.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nIn the place of that, an administrator of Synapse can then delete the rooms whole, with what staff wrote there:"
    )?;
    let base = config.matrix.homeserver_url.as_str().trim_end_matches('/');
    for room_id in rooms {
        writeln!(
            out,
            "curl --request DELETE --header \"Authorization: Bearer $ADMIN_TOKEN\" --json '{{\"purge\": true}}' \
             '{base}/_synapse/admin/v2/rooms/{room}'",
            room =
                percent_encoding::utf8_percent_encode(&room_id, percent_encoding::NON_ALPHANUMERIC),
        )?;
    }
    Ok(())
}
