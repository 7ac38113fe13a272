//! Keeps the bot's access token in the database in a form that the database cannot read: encrypted with a key that is
//! derived from the bot's password.

use argon2::Argon2;
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use rand::{TryRng, rngs::SysRng};
use secrecy::{ExposeSecret, SecretString};

use crate::storage::bot_log_in::SealedToken;

const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;

/// Encrypts `token`, so that it can be read only with `password`; `None` when the operating system gives no randomness.
pub(super) fn seal(token: &str, password: &SecretString, user_id: &str) -> Option<SealedToken> {
    let (mut salt, mut nonce) = (vec![0; SALT_BYTES], [0; NONCE_BYTES]);
    SysRng.try_fill_bytes(&mut salt).ok()?;
    SysRng.try_fill_bytes(&mut nonce).ok()?;
    let sealed_token = cipher(password, &salt)?
        .encrypt(&XNonce::from(nonce), payload(token.as_bytes(), user_id))
        .ok()?;
    Some(SealedToken {
        salt,
        nonce: nonce.to_vec(),
        sealed_token,
    })
}

/// The token; `None` when it was encrypted with another password or for another user.
pub(super) fn open(
    sealed: &SealedToken,
    password: &SecretString,
    user_id: &str,
) -> Option<SecretString> {
    let nonce = XNonce::try_from(sealed.nonce.as_slice()).ok()?;
    let token = cipher(password, &sealed.salt)?
        .decrypt(&nonce, payload(&sealed.sealed_token, user_id))
        .ok()?;
    String::from_utf8(token).ok().map(SecretString::from)
}

/// Argon2id with the parameters recommended for passwords, because people choose them.
fn cipher(password: &SecretString, salt: &[u8]) -> Option<XChaCha20Poly1305> {
    let mut key = [0; 32];
    Argon2::default()
        .hash_password_into(password.expose_secret().as_bytes(), salt, &mut key)
        .ok()?;
    Some(XChaCha20Poly1305::new(&key.into()))
}

/// Binds the token to its user: in another user's row it cannot be read.
fn payload<'a>(text: &'a [u8], user_id: &'a str) -> Payload<'a, 'a> {
    Payload {
        msg: text,
        aad: user_id.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOT: &str = "@bot:localhost";

    #[test]
    fn a_token_is_read_with_its_password_for_its_user_and_not_otherwise() {
        let (password, other) = (SecretString::from("right"), SecretString::from("wrong"));
        let sealed = seal("syt_token", &password, BOT).unwrap();
        let opened = open(&sealed, &password, BOT).unwrap();
        assert_eq!(opened.expose_secret(), "syt_token");
        assert!(open(&sealed, &other, BOT).is_none());
        assert!(open(&sealed, &password, "@eve:localhost").is_none());
        let stored = String::from_utf8_lossy(&sealed.sealed_token).into_owned();
        assert!(!stored.contains("syt_token"));
    }

    #[test]
    fn a_token_that_an_older_server_sealed_is_still_read() {
        // These were written by argon2 0.5 and chacha20poly1305 0.10, of version 0.2.0 and before. During an upgrade,
        // servers of two releases share one login.
        let sealed_token = "bf16ef216b271315f1c2dd8e1ca6def9e53411657a9cd5700f32cc9df95fa2bf7033";
        let sealed = SealedToken {
            salt: (1..=16).collect(),
            nonce: (101..=124).collect(),
            sealed_token: hex::decode(sealed_token).unwrap(),
        };
        let opened = open(&sealed, &"the bot's password".into(), BOT).unwrap();
        assert_eq!(opened.expose_secret(), "syt_recorded_token");
    }

    #[test]
    fn what_is_no_sealed_token_is_none() {
        let password = SecretString::from("right");
        let mut sealed = seal("syt_token", &password, BOT).unwrap();
        sealed.sealed_token[0] ^= 1;
        assert!(open(&sealed, &password, BOT).is_none());
        for bytes in [0, 7, 24] {
            let broken = SealedToken {
                salt: vec![0; bytes],
                nonce: vec![0; bytes],
                sealed_token: vec![0; bytes],
            };
            assert!(open(&broken, &password, BOT).is_none());
        }
    }
}
