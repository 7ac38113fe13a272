//! The homeserver: whether it answers, whether the bot can log in, and what the bot may do there. What it may do is tried
//! in a room that is made for this, and that the bot leaves at the end.

use futures_util::future::join_all;
use matrix_client::{Answer, Client, Request, request};
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::{
    Doctor, PATIENCE,
    examination::{Examination, reason},
    finding::Findings,
    staff,
};
use crate::config::{BotCredentials, Config};

const API: &str = "/_matrix/client/v3";
/// The device of a log-in that ends with the examination.
const DEVICE: &str = "matrix-support-chat doctor";
/// A burst that an account without limits may send. Synapse's limits begin at 10, those of the roles at 50.
const BURST: usize = 80;
/// The versions of the specification, of which the server needs one.
const SPECIFICATIONS: [&str; 2] = ["v1.11", "v1.1"];

pub(super) async fn examine(config: &Config, asked: &Doctor, findings: &mut Findings) {
    let Some(client) = reach(config, findings).await else {
        return;
    };
    let Some(bot) = log_in(config, &client, findings).await else {
        return;
    };
    let examination = Examination {
        config,
        bot: &bot,
        asked,
    };
    let room = examination.make_room(findings).await;
    if let Some(room_id) = &room {
        examination.send(room_id, findings).await;
    }
    staff::examine(&examination, room.as_deref(), findings).await;
    if let Some(room_id) = &room {
        let _ = bot.ask(&request::leave(room_id)).await;
        let forget = format!("{API}/rooms/{}/forget", request::escape(room_id));
        let _ = bot.ask(&Request::post(forget, json!({}))).await;
    }
    if matches!(config.matrix.credentials, BotCredentials::Password(_)) {
        let _ = bot.ask(&request::log_out()).await;
    }
}

async fn reach(config: &Config, findings: &mut Findings) -> Option<Client> {
    const CHECK: &str = "homeserver.reach";
    let url = &config.matrix.homeserver_url;
    let advice =
        "check MATRIX_HOMESERVER_URL, and that the homeserver runs and this machine reaches it";
    let http = reqwest::Client::builder().timeout(PATIENCE).build().ok()?;
    let client = Client::new(http, url.as_str());
    let answer = match client.ask(&Request::get("/_matrix/client/versions")).await {
        Ok(answer) => answer,
        Err(error) => {
            findings.problem(CHECK, error.to_string(), advice);
            return None;
        }
    };
    let Some(versions) = answer.body["versions"].as_array() else {
        let says = format!(
            "{url} answers {}, and not as a homeserver does",
            answer.status
        );
        findings.problem(CHECK, says, advice);
        return None;
    };
    findings.ok(CHECK, format!("{url} answers"));
    let has = |version: &&str| versions.iter().any(|has| has == version);
    let name = server_name(&client).await;
    if SPECIFICATIONS.iter().any(has) {
        findings.ok("homeserver.version", name);
    } else {
        let says = format!("{name} speaks none of the specifications that the server knows");
        findings.problem(
            "homeserver.version",
            says,
            "upgrade the homeserver: Matrix 1.1 or newer is needed",
        );
    }
    Some(client)
}

/// What the homeserver is and in which version, where it says so.
async fn server_name(client: &Client) -> String {
    let asked = client
        .ask(&Request::get("/_matrix/federation/v1/version"))
        .await;
    let server = asked
        .map(|answer| answer.body["server"].clone())
        .unwrap_or_default();
    match (server["name"].as_str(), server["version"].as_str()) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        _ => "its own version is not told to clients".to_owned(),
    }
}

async fn log_in(config: &Config, client: &Client, findings: &mut Findings) -> Option<Client> {
    const CHECK: &str = "homeserver.login";
    let name = config.matrix.bot.as_str();
    let bot = match &config.matrix.credentials {
        BotCredentials::AccessToken(token) => client.with_token(token.clone()),
        BotCredentials::Password(password) => {
            match client.log_in(name, password.expose_secret(), DEVICE).await {
                Ok(bot) => bot,
                Err(error) => {
                    let advice = "check MATRIX_SUPPORT_BOT_MXID and MATRIX_SUPPORT_BOT_PASSWORD; where passwords are off \
                                  (Matrix Authentication Service), use MATRIX_SUPPORT_BOT_ACCESS_TOKEN";
                    findings.problem(CHECK, format!("{name} cannot log in: {error}"), advice);
                    return None;
                }
            }
        }
    };
    let whoami = Request::get(format!("{API}/account/whoami"));
    let advice = "make a new token by a log-in as the bot, for MATRIX_SUPPORT_BOT_ACCESS_TOKEN";
    match bot.ask(&whoami).await {
        Ok(answer) if answer.body["user_id"] == *name => {
            if answer.body["device_id"].is_string() {
                findings.ok(CHECK, format!("{name} is logged in"));
            } else {
                let says = format!("the token of {name} belongs to no device");
                let advice = "use a token from a log-in: the homeserver knows repeated messages by the device";
                findings.warning(CHECK, says, advice);
            }
            Some(bot)
        }
        Ok(answer) => {
            let says = match answer.body["user_id"].as_str() {
                Some(other) => format!("the token is {other}'s, and not {name}'s"),
                None => format!("the token of {name} is not accepted: {}", reason(&answer)),
            };
            findings.problem(CHECK, says, advice);
            None
        }
        Err(error) => {
            findings.problem(CHECK, error.to_string(), advice);
            None
        }
    }
}

impl Examination<'_> {
    /// A room like those of conversations, in which nobody else is.
    async fn make_room(&self, findings: &mut Findings) -> Option<String> {
        const CHECK: &str = "homeserver.roomCreation";
        let room = json!({
            "preset": "private_chat", "room_version": "11", "visibility": "private",
            "creation_content": { "m.federate": false }, "name": DEVICE,
        });
        let advice = "let the bot make rooms (in Synapse no module and no rc_room_creation may forbid it), with room version 11";
        let made = self.bot.ask(&request::create_room(room)).await;
        let room_id = match made {
            Ok(Answer { body, .. }) if body["room_id"].is_string() => {
                body["room_id"].as_str()?.to_owned()
            }
            Ok(answer) => {
                let says = format!("the bot may not make a room: {}", reason(&answer));
                findings.problem(CHECK, says, advice);
                return None;
            }
            Err(error) => {
                findings.problem(CHECK, error.to_string(), advice);
                return None;
            }
        };
        findings.ok(CHECK, "the bot may make rooms");
        let encryption = request::state_event(&room_id, "m.room.encryption");
        match self.bot.ask(&encryption).await {
            Ok(answer) if answer.status == StatusCode::OK => findings.warning(
                "homeserver.encryption",
                "the homeserver encrypts private rooms by default",
                "set encryption_enabled_by_default_for_room_type: off. With `invite` the server can make rooms that are not \
                 encrypted, and with `all` it cannot make any",
            ),
            _ => findings.ok("homeserver.encryption", "rooms are not encrypted by default"),
        }
        Some(room_id)
    }

    /// The longest message, and a burst.
    async fn send(&self, room_id: &str, findings: &mut Findings) {
        let longest = self.config.limits.max_message_chars;
        let say = |text: &str| request::say(room_id, &Uuid::new_v4().to_string(), text);
        match self.bot.ask(&say(&"🦊".repeat(longest))).await {
            Ok(answer) if answer.status == StatusCode::OK => findings.ok(
                "homeserver.eventSize",
                format!("a message of {longest} characters of four bytes fits into an event"),
            ),
            // The limits are looked at next.
            Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {}
            Ok(answer) => findings.problem(
                "homeserver.eventSize",
                format!("a message of {longest} characters of four bytes is refused: {}", reason(&answer)),
                "lower SUPPORT_CHAT_MAX_MESSAGE_CHARS, or raise the limit of the proxy before the homeserver",
            ),
            Err(error) => findings.problem("homeserver.eventSize", error.to_string(), "try again"),
        }
        self.send_burst(say, findings).await;
    }

    async fn send_burst(&self, say: impl Fn(&str) -> Request, findings: &mut Findings) {
        const CHECK: &str = "homeserver.rateLimits";
        // One after the other, a limit might grow as fast as they are sent.
        let burst = (0..BURST).map(|_| {
            let request = say("…");
            async move { self.bot.ask(&request).await }
        });
        let answers = join_all(burst).await;
        let count = |status: StatusCode| {
            let answers = answers.iter().flatten();
            answers.filter(|answer| answer.status == status).count()
        };
        let sent = count(StatusCode::OK);
        if count(StatusCode::TOO_MANY_REQUESTS) > 0 {
            let bot = request::escape(self.config.matrix.bot.as_str());
            let base = self.bot.homeserver().trim_end_matches('/');
            let advice = format!(
                "lift them, as an administrator of Synapse: curl --request POST --header \"Authorization: Bearer \
                 $ADMIN_TOKEN\" --json '{{\"messages_per_second\": 0, \"burst_count\": 0}}' \
                 '{base}/_synapse/admin/v1/users/{bot}/override_ratelimit'"
            );
            let says = format!(
                "the homeserver limits the bot, which speaks for all visitors: of {BURST} messages it took {sent}"
            );
            findings.warning(CHECK, says, &advice);
        } else if sent == BURST {
            findings.ok(CHECK, format!("the bot may send {BURST} messages at once"));
        } else {
            findings.skipped(CHECK, "the homeserver does not take messages");
        }
    }
}
