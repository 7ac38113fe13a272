//! The accounts on the private Synapse.

use serde_json::{Value, json};

use crate::prelude::*;

/// The relay's account.
pub(crate) const BOT: &str = "supportbot";

/// The accounts of the staff.
pub(crate) const STAFF: [&str; 2] = ["alice", "bob"];

/// The account of the homeserver's administrator.
pub(crate) const ADMIN: &str = "admin";

pub(crate) const SERVER_NAME: &str = "localhost";

/// The password of each account, as it is kept in a file.
pub(crate) struct Accounts(Value);

impl Accounts {
    /// The accounts in this file, or new ones, which are stored there.
    pub(crate) fn load_or_make(path: &Path) -> Result<Self> {
        if let Some(accounts) = Self::load(path)? {
            return Ok(accounts);
        }
        // People type these passwords into Element, so they are short.
        let staff: String = files::random_secret()?.chars().take(16).collect();
        let mut accounts = json!({});
        for (name, password) in [
            (BOT, files::random_secret()?),
            (STAFF[0], staff.clone()),
            (STAFF[1], staff),
            (ADMIN, files::random_secret()?),
        ] {
            accounts[name] = json!({"mxid": mxid(name), "password": password});
        }
        files::write_private(path, &format!("{accounts:#}\n"))?;
        Ok(Self(accounts))
    }

    /// The accounts in this file, if it exists.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>> {
        let text = files::read_if_there(path)?;
        let kept = text.map(|text| serde_json::from_str(&text)).transpose();
        let broken = || format!("{}: remove it to start again", path.display());
        Ok(kept.with_context(broken)?.map(Self))
    }

    /// The password of an account.
    pub(crate) fn password(&self, name: &str) -> &str {
        self.0[name]["password"].as_str().unwrap_or_default()
    }
}

/// The Matrix id of an account here.
pub(crate) fn mxid(name: &str) -> String {
    format!("@{name}:{SERVER_NAME}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_stay_what_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("accounts.json");
        let made = Accounts::load_or_make(&path).unwrap();
        let kept = Accounts::load_or_make(&path).unwrap();
        for name in [BOT, STAFF[0], STAFF[1], ADMIN] {
            assert!(made.password(name).len() >= 16);
            assert_eq!(made.password(name), kept.password(name));
        }
        assert_ne!(made.password(BOT), made.password(STAFF[0]));
    }
}
