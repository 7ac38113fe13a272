//! `mail_addresses` and `mail_stops`: the addresses to which replies are mailed, and the mails that
//! their owners have stopped.

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::storage::Connection;

/// An address that a visitor has given.
#[derive(Clone, Copy, Debug)]
pub struct NewAddress<'a> {
    /// The address.
    pub address: &'a str,
    /// A keyed hash of the address.
    pub digest: &'a [u8],
    /// The language of the mails.
    pub language: &'a str,
}

/// The address to which a conversation's replies are mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress {
    /// The id that stands for the address in links.
    pub id: Uuid,
    /// The address.
    pub address: String,
    /// A keyed hash of the address.
    pub address_digest: Vec<u8>,
    /// The language of the mails.
    pub language: String,
    /// The seq of the last entry that was mailed.
    pub mailed_seq: i64,
    /// Whether the mail server has refused the address for good, or its owner has stopped the
    /// mails.
    pub is_off: bool,
}

/// Stores the address to which replies are mailed; returns `false` if its owner has stopped the
/// mails of this conversation. A different address replaces the one before and makes its codes
/// invalid. If the same address was refused, this allows another attempt. The caller holds the
/// session's lock.
pub async fn set(
    db: &mut Connection,
    session_id: Uuid,
    new: NewAddress<'_>,
) -> Result<bool, sqlx::Error> {
    let is_stopped = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM mail_stops WHERE session_id = $1 AND address_digest = $2
           ) AS "stopped!""#,
        session_id,
        new.digest,
    )
    .fetch_one(&mut *db)
    .await?;
    if is_stopped {
        return Ok(false);
    }
    sqlx::query!(
        "DELETE FROM mail_addresses WHERE session_id = $1 AND address_digest <> $2",
        session_id,
        new.digest,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "INSERT INTO mail_addresses (session_id, address, address_digest, language) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session_id) DO UPDATE
         SET address = excluded.address, language = excluded.language, is_refused = false, failed_at = NULL",
        session_id,
        new.address,
        new.digest,
        new.language,
    )
    .execute(db)
    .await?;
    Ok(true)
}

/// Deletes the conversation's address, the mails that are queued for it, and the codes that were
/// mailed to it.
pub async fn forget(db: &mut Connection, session_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH unsent AS (
             DELETE FROM mails WHERE session_id = $1
         ), not_copied AS (
             DELETE FROM transcript_mails WHERE session_id = $1 AND done_at IS NULL
         )
         DELETE FROM mail_addresses WHERE session_id = $1",
        session_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The address to which a conversation's replies are mailed.
pub async fn find(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
) -> Result<Option<MailAddress>, sqlx::Error> {
    sqlx::query_as!(
        MailAddress,
        r#"SELECT id, address, address_digest, language, mailed_seq,
               is_refused OR EXISTS (
                   SELECT FROM mail_stops
                   WHERE session_id = mail_addresses.session_id
                     AND address_digest = mail_addresses.address_digest
               ) AS "is_off!"
           FROM mail_addresses WHERE session_id = $1"#,
        session_id,
    )
    .fetch_optional(db)
    .await
}

/// Whether the id in a link belongs to an address.
pub async fn is_known(db: impl PgExecutor<'_>, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM mail_addresses WHERE id = $1) AS "known!""#,
        id,
    )
    .fetch_one(db)
    .await
}

/// Permanently stops the conversation's mails to the address with this id. Returns the
/// conversation.
pub async fn stop(db: &mut Connection, id: Uuid) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "WITH stopped AS (
             SELECT session_id, address_digest FROM mail_addresses WHERE id = $1
         ), noted AS (
             INSERT INTO mail_stops (session_id, address_digest) SELECT * FROM stopped ON CONFLICT DO NOTHING
         ), unsent AS (
             DELETE FROM mails USING stopped WHERE mails.session_id = stopped.session_id
         ), not_copied AS (
             DELETE FROM transcript_mails USING stopped
             WHERE transcript_mails.session_id = stopped.session_id AND done_at IS NULL
         )
         SELECT session_id FROM stopped",
        id,
    )
    .fetch_optional(db)
    .await
}

/// Records that a mail has failed; if the address `is_refused`, no more are sent to it.
pub async fn note_failure(
    db: &mut Connection,
    id: Uuid,
    is_refused: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE mail_addresses SET failed_at = now(), is_refused = is_refused OR $2 WHERE id = $1",
        id,
        is_refused,
    )
    .execute(db)
    .await?;
    Ok(())
}
