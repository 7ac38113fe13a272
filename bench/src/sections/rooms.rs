//! New conversations until their rooms have the first message, compared with a bare client that makes the same rooms.

use matrix_client::request;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Result, Setup, load::all, load::visitor, report::Report, report::rounds::Side,
    sections::bursts, system::matrix::Matrix, system::server::Server,
};

/// The number of conversations that begin at the same time.
const AT_ONCE: usize = 12;
const PAGE: &str = "https://www.example.com/pricing";

/// `bare` is logged in as the relay's bot. For both sides, a message is visible when `/sync` shows it.
pub(crate) async fn measure(
    setup: &Setup,
    server: &Server,
    bare: &Matrix,
    report: &mut Report,
) -> Result<()> {
    let mut seen = bare.clone().follow();
    let (address, creation) = (server.address, creation(setup));
    let say = async |side, texts: &[String]| {
        let mut tasks = JoinSet::new();
        for text in texts {
            let (text, bare, creation) = (text.clone(), bare.clone(), creation.clone());
            tasks.spawn(async move {
                match side {
                    Side::Measured => visitor::begin(address, &text, PAGE).await.map(drop),
                    Side::Limit => make_room(&bare, &creation, &text).await,
                }
            });
        }
        all(tasks).await
    };
    let work = "session creation, POST to first message visible in the room, 12 at once";
    let burst = (work, AT_ONCE);
    report.costs.room = bursts::bursts(setup, server, &mut seen, burst, say, report).await?;
    Ok(())
}

/// Makes a room and sends what the relay sends: who the visitor is, and the first message.
async fn make_room(bare: &Matrix, creation: &Value, text: &str) -> Result<()> {
    let created = bare.send(&request::create_room(creation.clone())).await?;
    let room_id = created["room_id"].as_str().ok_or("no room id")?;
    let details = json!({"msgtype": "m.notice", "body": format!("Page: {PAGE}")});
    let (kind, transaction) = ("m.room.message", Uuid::new_v4().to_string());
    bare.send(&request::send(room_id, kind, &transaction, details))
        .await?;
    bare.say(room_id, text).await
}

/// The same request as the relay's: see `NewRoom` in `server/src/matrix/homeserver/room_settings.rs`.
fn creation(setup: &Setup) -> Value {
    let bot = setup.bot.mxid.as_str();
    let bot_only = [
        "encryption",
        "history_visibility",
        "join_rules",
        "guest_access",
        "power_levels",
        "tombstone",
        "server_acl",
    ];
    let mut events = json!({"m.room.name": 50, "m.room.topic": 50, "m.room.avatar": 50});
    for name in bot_only {
        events[format!("m.room.{name}")] = json!(100);
    }
    json!({
        "room_version": "11",
        "creation_content": {"m.federate": false},
        "name": "Ada · example.com/pricing · K7F2",
        "topic": "Messages sent here are visible to the website visitor.",
        "power_level_content_override": {
            "users": {bot: 100}, "users_default": 0, "events": events, "events_default": 0,
            "state_default": 50, "invite": 0, "kick": 50, "ban": 50, "redact": 50,
        },
        "initial_state": [
            {"type": "m.room.history_visibility", "state_key": "",
             "content": {"history_visibility": "joined"}},
            {"type": "m.room.guest_access", "state_key": "",
             "content": {"guest_access": "forbidden"}},
        ],
        "invite": [setup.staff.mxid],
    })
}
