//! The way to the room and back, against bare Matrix clients doing the same in the same rooms.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet, time};
use uuid::Uuid;

use crate::{
    Account, Result, Setup,
    report::{Goal, Report, median, median_ms},
    server::{Database, Server},
};

const CONVERSATIONS: usize = 8;
/// Messages of each of them in a burst.
const BURST: usize = 15;
const BURSTS: usize = 3;
/// Messages whose way is timed one by one.
const SINGLES: usize = 20;
const PATIENCE: Duration = Duration::from_mins(2);

/// A signed-in Matrix client.
#[derive(Clone, Debug)]
struct Matrix {
    client: Client,
    base: String,
    token: String,
}

impl Matrix {
    async fn login(setup: &Setup, account: &Account) -> Result<Self> {
        let mut matrix = Self {
            client: Client::builder().no_proxy().build()?,
            base: setup.homeserver_url.clone(),
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

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/_matrix/client/v3{path}", self.base);
        let mut request = self.client.request(method.clone(), url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if method != Method::GET {
            request = request.json(body);
        }
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Joins once there is an invitation.
    async fn join(&self, room_id: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let path = format!("/rooms/{room_id}/join");
        while let Err(error) = self.ask(Method::POST, &path, &json!({})).await {
            if Instant::now() > deadline {
                return Err(error);
            }
            time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    async fn say(&self, room_id: &str, text: &str) -> Result<()> {
        let path = format!("/rooms/{room_id}/send/m.room.message/{}", Uuid::new_v4());
        let content = json!({"msgtype": "m.text", "body": text});
        self.ask(Method::PUT, &path, &content).await?;
        Ok(())
    }

    /// Passes on the texts of all rooms, as they become visible.
    fn follow(self) -> mpsc::UnboundedReceiver<String> {
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

/// A visitor's conversation, and its room.
#[derive(Clone, Debug)]
struct Visitor {
    client: Client,
    api: String,
    token: String,
    last: String,
    room_id: String,
}

impl Visitor {
    async fn begin(server: &Server, database: &Database) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        let base = format!("http://{}/v1/support-chat/sessions", server.address);
        let body = json!({"initialMessage": "Hello"});
        let created: Value = client
            .post(&base)
            .json(&body)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let text = |name: &str| created[name].as_str().unwrap_or_default().to_owned();
        let session_id: Uuid = text("sessionId").parse()?;
        let deadline = Instant::now() + PATIENCE;
        let room_id = loop {
            let room_id: Option<String> =
                sqlx::query_scalar("SELECT room_id FROM sessions WHERE id = $1")
                    .bind(session_id)
                    .fetch_one(&database.pool)
                    .await?;
            if let Some(room_id) = room_id {
                break room_id;
            }
            if Instant::now() > deadline {
                return Err("there is no room after two minutes".into());
            }
            time::sleep(Duration::from_millis(50)).await;
        };
        Ok(Self {
            client,
            api: format!("{base}/{session_id}/messages"),
            token: text("token"),
            last: text("messageId"),
            room_id,
        })
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        let request = self.client.post(&self.api).bearer_auth(&self.token);
        let answer = request.json(&json!({ "body": text })).send().await?;
        let sent: Value = answer.error_for_status()?.json().await?;
        sent["messageId"]
            .as_str()
            .ok_or("no message id")?
            .clone_into(&mut self.last);
        Ok(())
    }

    /// Waits until this text is shown.
    async fn see(&mut self, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let url = format!("{}?after={}&wait=25", self.api, self.last);
            let request = self.client.get(url).bearer_auth(&self.token);
            let answer: Value = request.send().await?.error_for_status()?.json().await?;
            for message in answer["messages"].as_array().into_iter().flatten() {
                message["id"]
                    .as_str()
                    .ok_or("no id")?
                    .clone_into(&mut self.last);
                if message["body"] == text {
                    return Ok(());
                }
            }
        }
        Err(format!("`{text}` was not shown").into())
    }
}

async fn until_seen(
    seen: &mut mpsc::UnboundedReceiver<String>,
    mut texts: HashSet<String>,
) -> Result<()> {
    let all = async {
        while !texts.is_empty() {
            let text = seen.recv().await.ok_or("the sync has ended")?;
            texts.remove(&text);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    };
    time::timeout(PATIENCE, all)
        .await
        .map_err(|_| "texts did not become visible")?
}

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_relay").await?;
    let bot = Matrix::login(setup, &setup.bot).await?;
    let bare = Matrix::login(setup, &setup.bot).await?;
    let staff = Matrix::login(setup, &setup.staff).await?;
    let server = Server::start(setup, &database, Some(&bot.token)).await?;
    let mut visitors = Vec::new();
    for _ in 0..CONVERSATIONS {
        let visitor = Visitor::begin(&server, &database).await?;
        staff.join(&visitor.room_id).await?;
        visitors.push(visitor);
    }
    // What they missed is told to who joined; then it is quiet.
    let deadline = Instant::now() + PATIENCE;
    while sqlx::query_scalar::<_, i64>("SELECT count(*) FROM outbox")
        .fetch_one(&database.pool)
        .await?
        > 0
    {
        if Instant::now() > deadline {
            return Err("the outbox is not empty after two minutes".into());
        }
        time::sleep(Duration::from_millis(100)).await;
    }
    let mut seen = staff.clone().follow();
    one_by_one(&mut visitors, &bare, &staff, &mut seen, report).await?;
    bursts(&visitors, &bare, &mut seen, report).await?;
    server.stop().await
}

/// One message at a time, in one room.
async fn one_by_one(
    visitors: &mut [Visitor],
    bare: &Matrix,
    staff: &Matrix,
    seen: &mut mpsc::UnboundedReceiver<String>,
    report: &mut Report,
) -> Result<()> {
    let visitor = &mut visitors[0];
    let room_id = visitor.room_id.clone();
    let (mut relayed, mut put, mut shown, mut synced) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SINGLES {
        let text = Uuid::new_v4().to_string();
        let began = Instant::now();
        visitor.say(&text).await?;
        until_seen(seen, HashSet::from([text])).await?;
        relayed.push(began.elapsed());

        let text = Uuid::new_v4().to_string();
        let began = Instant::now();
        bare.say(&room_id, &text).await?;
        until_seen(seen, HashSet::from([text])).await?;
        put.push(began.elapsed());

        let text = Uuid::new_v4().to_string();
        let began = Instant::now();
        let (said, saw) = tokio::join!(staff.say(&room_id, &text), visitor.see(&text));
        said.and(saw)?;
        shown.push(began.elapsed());

        let text = Uuid::new_v4().to_string();
        let began = Instant::now();
        staff.say(&room_id, &text).await?;
        until_seen(seen, HashSet::from([text])).await?;
        synced.push(began.elapsed());
        // Synapse limits how much one person says.
        time::sleep(Duration::from_millis(300)).await;
    }
    let figure = |values: Vec<Duration>, what: &str| {
        let value = median_ms(values);
        (format!("{what}{value:.0} ms"), value)
    };
    report.compare(
        "visitor's message, POST to visible in the room",
        figure(relayed, ""),
        figure(put, "bare client "),
        Goal::AtMost(1.15),
    );
    report.compare(
        "staff's message, sent to seen by a waiting poll",
        figure(shown, ""),
        figure(synced, "bare `/sync` "),
        Goal::AtMost(1.2),
    );
    Ok(())
}

/// Many at a time, in all rooms.
async fn bursts(
    visitors: &[Visitor],
    bare: &Matrix,
    seen: &mut mpsc::UnboundedReceiver<String>,
    report: &mut Report,
) -> Result<()> {
    let (mut relayed, mut put) = (Vec::new(), Vec::new());
    for _ in 0..BURSTS {
        for through_server in [true, false] {
            let began = Instant::now();
            let mut texts = HashSet::new();
            let mut tasks = JoinSet::new();
            for visitor in visitors {
                let mine: Vec<String> = (0..BURST).map(|_| Uuid::new_v4().to_string()).collect();
                texts.extend(mine.iter().cloned());
                let (mut visitor, bare) = (visitor.clone(), bare.clone());
                tasks.spawn(async move {
                    for text in mine {
                        if through_server {
                            visitor.say(&text).await?;
                        } else {
                            bare.say(&visitor.room_id, &text).await?;
                        }
                    }
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
                });
            }
            until_seen(seen, texts).await?;
            while let Some(said) = tasks.join_next().await {
                said??;
            }
            let rate = crate::load::per_second(visitors.len() * BURST, began.elapsed());
            if through_server {
                relayed.push(rate);
            } else {
                put.push(rate);
            }
        }
    }
    let (relayed, put) = (median(relayed), median(put));
    report.compare(
        "visitors' messages, POST to visible, 8 rooms at once",
        (format!("{relayed:.0}/s"), relayed),
        (format!("bare client {put:.0}/s"), put),
        Goal::AtLeast(0.9),
    );
    Ok(())
}
