//! Requests of Synapse's administration API, which only an administrator may send.

use serde_json::json;

use super::{Request, escape};

const API: &str = "/_synapse/admin";

/// The address at which accounts are made with the registration secret.
pub const REGISTRATION: &str = "/_synapse/admin/v1/register";

/// Makes an account, or changes its password.
#[must_use]
pub fn put_account(user_id: &str, password: &str, display_name: Option<&str>) -> Request {
    let mut body = json!({ "password": password });
    if let Some(name) = display_name {
        body["displayname"] = json!(name);
    }
    Request::put(format!("{API}/v2/users/{}", escape(user_id)), body)
}

/// Exempts an account from the limits on how much it may send.
#[must_use]
pub fn lift_limits(user_id: &str) -> Request {
    let path = format!("{API}/v1/users/{}/override_ratelimit", escape(user_id));
    let unlimited = json!({ "messages_per_second": 0, "burst_count": 0 });
    Request::post(path, unlimited)
}

/// Takes an account out of service.
#[must_use]
pub fn deactivate(user_id: &str) -> Request {
    let path = format!("{API}/v1/deactivate/{}", escape(user_id));
    Request::post(path, json!({ "erase": false }))
}

/// Locks an account, whose tokens are refused from then on, or unlocks it.
#[must_use]
pub fn set_locked(user_id: &str, locked: bool) -> Request {
    let path = format!("{API}/v2/users/{}", escape(user_id));
    Request::put(path, json!({ "locked": locked }))
}

/// Suspends an account, which may then read and no longer write, or ends that.
#[must_use]
pub fn set_suspended(user_id: &str, suspended: bool) -> Request {
    let path = format!("{API}/v1/suspend/{}", escape(user_id));
    Request::put(path, json!({ "suspend": suspended }))
}

/// Removes everybody from a room, and deletes the room with all of its events.
#[must_use]
pub fn delete_room(room_id: &str) -> Request {
    let path = format!("{API}/v1/rooms/{}", escape(room_id));
    Request::delete(path, json!({ "purge": true }))
}
