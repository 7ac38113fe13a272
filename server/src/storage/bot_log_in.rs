//! `bot_log_in`: the access token that all servers share.

use super::Connection;

/// A token that can be read only with the bot's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// The salt from which the key was derived.
    pub salt: Vec<u8>,
    /// The nonce of the encryption.
    pub nonce: Vec<u8>,
    /// The encrypted token.
    pub sealed_token: Vec<u8>,
}

/// The bot's token, if there is one. Until the end of the transaction no other server can read or
/// replace it.
pub async fn lock(db: &mut Connection, user_id: &str) -> Result<Option<SealedToken>, sqlx::Error> {
    // Meanwhile another server may be asking the homeserver for a token.
    sqlx::query!("SELECT set_config('idle_in_transaction_session_timeout', '15000', true)")
        .fetch_one(&mut *db)
        .await?;
    // There may be no row to lock yet.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        user_id
    )
    .execute(&mut *db)
    .await?;
    sqlx::query_as!(
        SealedToken,
        "SELECT salt, nonce, sealed_token FROM bot_log_in WHERE user_id = $1",
        user_id,
    )
    .fetch_optional(db)
    .await
}

/// Replaces the token.
pub async fn store(
    db: &mut Connection,
    user_id: &str,
    token: &SealedToken,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO bot_log_in (user_id, salt, nonce, sealed_token) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE
         SET salt = excluded.salt, nonce = excluded.nonce, sealed_token = excluded.sealed_token",
        user_id,
        token.salt,
        token.nonce,
        token.sealed_token,
    )
    .execute(db)
    .await?;
    Ok(())
}
