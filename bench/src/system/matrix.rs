//! Bare Matrix clients: those of the staff, and those that the relay is compared with.

use std::{collections::HashSet, time::Duration};

use matrix_client::{
    Client, Request,
    request::{self, admin},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time};
use uuid::Uuid;

use crate::{Account, Result, Setup, load::until};

/// How long anything may take to arrive.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A Matrix client that is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    client: Client,
    pub(crate) mxid: String,
}

impl Matrix {
    pub(crate) async fn login(setup: &Setup, account: &Account) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let anybody = Client::new(http, &setup.homeserver_url);
        let client = anybody.log_in(&account.mxid, &account.password, "bench");
        Ok(Self {
            client: client.await?,
            mxid: account.mxid.clone(),
        })
    }

    pub(crate) fn token(&self) -> &str {
        self.client.token()
    }

    /// Sends a request of one measurement's own.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let request = Request {
            body: (method != Method::GET).then(|| body.clone()),
            method,
            path: format!("/_matrix/client/v3{path}"),
        };
        self.send(&request).await
    }

    pub(crate) async fn send(&self, request: &Request) -> Result<Value> {
        Ok(self.client.ok(request).await?)
    }

    /// Makes an account, as an administrator may.
    pub(crate) async fn make_account(&self, account: &Account) -> Result<()> {
        self.send(&admin::put_account(&account.mxid, &account.password, None))
            .await?;
        self.lift_limits(&account.mxid).await
    }

    /// Exempts an account from the limits, as an administrator may.
    pub(crate) async fn lift_limits(&self, mxid: &str) -> Result<()> {
        self.send(&admin::lift_limits(mxid)).await?;
        Ok(())
    }

    /// Joins once there is an invitation.
    pub(crate) async fn join(&self, room_id: &str) -> Result<()> {
        let join = request::join(room_id);
        until(PATIENCE, "an invitation", async || {
            let joined = self.send(&join).await;
            Ok(joined.ok().map(drop))
        })
        .await
    }

    pub(crate) async fn say(&self, room_id: &str, text: &str) -> Result<()> {
        let transaction = Uuid::new_v4().to_string();
        self.send(&request::say(room_id, &transaction, text))
            .await?;
        Ok(())
    }

    /// The current position of `/sync`, without its events.
    pub(crate) async fn position(&self) -> Result<String> {
        let nothing = json!({"room": {"rooms": []}});
        let answer = self.send(&request::sync(&nothing, None, 0)).await?;
        Ok(answer["next_batch"]
            .as_str()
            .ok_or("no position")?
            .to_owned())
    }

    /// Passes on the texts of all rooms as they become visible.
    pub(crate) fn follow(self) -> mpsc::UnboundedReceiver<String> {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut since: Option<String> = None;
            while !sender.is_closed() {
                let timeout = if since.is_some() { 20_000 } else { 0 };
                let sync = request::sync(&json!({}), since.as_deref(), timeout);
                let Ok(answer) = self.send(&sync).await else {
                    // The receiver gives up after a while.
                    break;
                };
                since = answer["next_batch"].as_str().map(str::to_owned);
                let rooms = answer["rooms"]["join"].as_object();
                for room in rooms.into_iter().flat_map(|rooms| rooms.values()) {
                    let events = room["timeline"]["events"].as_array();
                    for event in events.into_iter().flatten() {
                        if let Some(body) = event["content"]["body"].as_str() {
                            let _ = sender.send(body.to_owned());
                        }
                    }
                }
            }
        });
        receiver
    }
}

/// Waits until all these texts have been passed on.
pub(crate) async fn until_seen(
    seen: &mut mpsc::UnboundedReceiver<String>,
    texts: impl IntoIterator<Item = String>,
) -> Result<()> {
    let mut texts: HashSet<_> = texts.into_iter().collect();
    let all = async {
        while !texts.is_empty() {
            let text = seen.recv().await.ok_or("the sync has ended")?;
            texts.remove(&text);
        }
        Ok::<_, crate::Error>(())
    };
    time::timeout(PATIENCE, all)
        .await
        .map_err(|_| "texts did not become visible")?
}
