//! Bare Matrix clients: the staff's, and those that the relay is compared with.

use std::{collections::HashSet, time::Duration};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time};
use uuid::Uuid;

use crate::{Account, Result, Setup, load::until};

/// How long anything may take to come through.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A signed-in Matrix client.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    client: Client,
    base: String,
    pub(crate) mxid: String,
    pub(crate) token: String,
}

impl Matrix {
    pub(crate) async fn login(setup: &Setup, account: &Account) -> Result<Self> {
        let mut matrix = Self {
            client: Client::builder().no_proxy().build()?,
            base: setup.homeserver_url.clone(),
            mxid: account.mxid.clone(),
            token: String::new(),
        };
        let body = json!({
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": account.mxid},
            "password": account.password,
        });
        let answer = matrix.ask(Method::POST, "/login", &body).await?;
        answer["access_token"]
            .as_str()
            .ok_or("no token")?
            .clone_into(&mut matrix.token);
        Ok(matrix)
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        self.ask_at(method, &format!("/_matrix/client/v3{path}"), body)
            .await
    }

    async fn ask_at(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method.clone(), url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if method != Method::GET {
            request = request.json(body);
        }
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Makes an account, as an administrator may.
    pub(crate) async fn make_account(&self, account: &Account) -> Result<()> {
        let path = format!("/_synapse/admin/v2/users/{}", account.mxid);
        let body = json!({ "password": account.password });
        self.ask_at(Method::PUT, &path, &body).await?;
        self.lift_limits(&account.mxid).await
    }

    /// Lets somebody say as much as they like, as an administrator may.
    pub(crate) async fn lift_limits(&self, mxid: &str) -> Result<()> {
        let path = format!("/_synapse/admin/v1/users/{mxid}/override_ratelimit");
        let body = json!({"messages_per_second": 0, "burst_count": 0});
        self.ask_at(Method::POST, &path, &body).await?;
        Ok(())
    }

    /// Joins once there is an invitation.
    pub(crate) async fn join(&self, room_id: &str) -> Result<()> {
        let path = format!("/rooms/{room_id}/join");
        until(PATIENCE, "an invitation", async || {
            let joined = self.ask(Method::POST, &path, &json!({})).await;
            Ok(joined.ok().map(drop))
        })
        .await
    }

    pub(crate) async fn say(&self, room_id: &str, text: &str) -> Result<()> {
        let path = format!("/rooms/{room_id}/send/m.room.message/{}", Uuid::new_v4());
        let content = json!({"msgtype": "m.text", "body": text});
        self.ask(Method::PUT, &path, &content).await?;
        Ok(())
    }

    /// Where `/sync` is now, without what it would say.
    pub(crate) async fn position(&self) -> Result<String> {
        let nothing = r#"/sync?filter={"room":{"rooms":[]}}"#;
        let answer = self.ask(Method::GET, nothing, &Value::Null).await?;
        Ok(answer["next_batch"]
            .as_str()
            .ok_or("no position")?
            .to_owned())
    }

    /// Passes on the texts of all rooms, as they become visible.
    pub(crate) fn follow(self) -> mpsc::UnboundedReceiver<String> {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut since = String::new();
            while !sender.is_closed() {
                let timeout = if since.is_empty() { 0 } else { 20_000 };
                let path = format!("/sync?timeout={timeout}{since}");
                let Ok(answer) = self.ask(Method::GET, &path, &Value::Null).await else {
                    // Whoever waits for a text gives up in the end.
                    break;
                };
                let next = answer["next_batch"].as_str().unwrap_or_default();
                since = format!("&since={next}");
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
