//! Accounts that are made with a homeserver's registration secret, as Synapse's documentation describes it.

use hmac::{Hmac, KeyInit, Mac};
use matrix_client::{Client, Error, Request, request::admin::REGISTRATION};
use serde_json::json;
use sha1::Sha1;

/// Makes an account; returns its user id and its client.
pub(crate) async fn register(
    homeserver: &Client,
    secret: &str,
    name: &str,
    password: &str,
    is_admin: bool,
) -> Result<(String, Client), Error> {
    let answer = homeserver.ok(&Request::get(REGISTRATION)).await?;
    let nonce = answer["nonce"].as_str().ok_or(Error::Lacks("nonce"))?;
    let role = if is_admin { "admin" } else { "notadmin" };
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update([nonce, name, password, role].join("\0").as_bytes());
    let body = json!({
        "nonce": nonce, "username": name, "password": password, "admin": is_admin,
        "mac": hex::encode(mac.finalize().into_bytes()),
    });
    let registered = homeserver.ok(&Request::post(REGISTRATION, body)).await?;
    let text = |field| {
        let text = registered[field].as_str().ok_or(Error::Lacks(field))?;
        Ok::<_, Error>(text.to_owned())
    };
    let client = homeserver.with_token(text("access_token")?.into());
    Ok((text("user_id")?, client))
}
