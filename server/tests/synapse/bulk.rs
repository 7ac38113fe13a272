//! A day of many conversations. Visitors and staff do everything at the same time, and afterwards
//! each room, the desk and what each visitor was shown must be right. `BULK_CONVERSATIONS` sets
//! their number, which has to be large enough for the desk to count the hour as busy.

mod conversation;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env,
};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;
use sqlx::PgPool;
use tokio::time::{Duration, Instant, sleep};

use crate::{
    common::TestApp,
    homeserver::{Account, PATIENCE, Team},
    record::Record,
};

use conversation::{End, Held};

/// The number of conversations that are held at the same time.
const VISITORS: usize = 20;
/// Every text between staff contains this word.
const SECRET: &str = "secret";

/// The participants and the servers.
struct Scene<'a> {
    app: &'a TestApp,
    pool: &'a PgPool,
    bot: &'a Account,
    staff: [&'a Account; 3],
}

fn conversations() -> usize {
    env::var("BULK_CONVERSATIONS").map_or(48, |count| count.parse().expect("BULK_CONVERSATIONS"))
}

#[sqlx::test(migrations = "../migrations")]
async fn after_a_busy_day_all_is_true_and_nothing_internal_was_shown(pool: PgPool) {
    let team = Team::new().await;
    let carol = Account::register("carol").await;
    let staff = [&team.alice, &team.bob, &carol];
    for account in staff {
        team.lift_limits_of(account).await;
    }
    let ids = staff.map(|account| account.user_id.as_str()).join(",");
    let config = team.config(
        &pool,
        &[
            ("MATRIX_SUPPORT_STAFF_MXIDS", &ids),
            ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
            ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
            ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ],
    );
    let mut app = TestApp::spawn(config).await;
    let record = Record::of(&mut app).await;
    let scene = Scene {
        app: &app,
        pool: &pool,
        bot: &team.bot,
        staff,
    };

    let count = conversations();
    let started = Instant::now();
    let visits = (0..VISITORS).map(async |visitor| {
        let mut held = Vec::new();
        for number in (visitor..count).step_by(VISITORS) {
            held.push(scene.hold(number).await);
        }
        held
    });
    let held = join_all(visits).await.concat();
    let took = started.elapsed();
    assert_eq!(held.len(), count);

    scene.wait_until_all_is_sent().await;
    scene.check_names(&held).await;
    scene.check_desk(&held).await;
    for it in &held {
        scene.check_answers(it).await;
    }
    let total = started.elapsed();
    eprintln!("{count} conversations: {took:.1?}, with all that was checked {total:.1?}");

    let shown = record.text();
    let staff = staff.iter().map(|it| &*it.user_id);
    let everybody = staff.chain([team.bot.user_id.as_str()]);
    let names = everybody.map(|id| &id[1..id.find(':').unwrap()]);
    let rooms = held.iter().map(|it| it.room_id.as_str());
    for internal in names.chain(rooms).chain([SECRET]) {
        assert!(!shown.contains(internal), "{internal} was shown");
    }
    assert!(
        shown.matches("HTTP/1.1 ").count() > count * 3,
        "too little was recorded"
    );
}

impl Scene<'_> {
    async fn wait_until_all_is_sent(&self) {
        let deadline = Instant::now() + 4 * PATIENCE;
        loop {
            let query = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM outbox");
            let waiting = query.fetch_one(self.pool).await.unwrap();
            if waiting == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{waiting} wait in the outbox");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// All visitors have the same name and are on the same page, so only the code distinguishes
    /// their rooms.
    async fn check_names(&self, held: &[Held]) {
        let mut names = BTreeSet::new();
        for it in held {
            let path = format!("/_matrix/client/v3/rooms/{}/state/m.room.name", it.room_id);
            let name = self.bot.ok(Method::GET, &path, None).await;
            let name = name["name"].as_str().unwrap();
            let bare = name.strip_prefix("✓ ").unwrap_or(name);
            let code = bare
                .strip_prefix("Ada · webdevelop.biz/pricing · ")
                .expect(name);
            assert_eq!(code.chars().count(), 4, "{name}");
            let has_ended = bare != name;
            assert_eq!(has_ended, it.end != End::Open, "{name} of {it:?}");
            assert!(names.insert(bare.to_owned()), "{name} twice");
        }
    }

    /// Waits until the bot has given each expected answer exactly once, and no others.
    async fn check_answers(&self, held: &Held) {
        let expected = held.answered.iter().map(|id| (id.clone(), 1)).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answers = answers(self.bot, &held.room_id).await;
            if answers == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{answers:?} of {held:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until there is one line for each conversation with its state.
    async fn check_desk(&self, held: &[Held]) {
        let desk: String = sqlx::query_scalar("SELECT room_id FROM desk_rooms")
            .fetch_one(self.pool)
            .await
            .unwrap();
        let deadline = Instant::now() + 4 * PATIENCE;
        loop {
            let lines = lines(self.bot, &desk).await;
            let is_true = |it: &&Held| match lines.get(&it.room_id).map(Vec::as_slice) {
                Some([line]) => *line == it.line(),
                _ => false,
            };
            // Only the differences are printed.
            let wrong: Vec<_> = held.iter().filter(|it| !is_true(it)).collect();
            if wrong.is_empty() && lines.len() == held.len() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{wrong:?} expected, of {lines:#?}"
            );
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// How often the bot has answered each event.
async fn answers(bot: &Account, room_id: &str) -> BTreeMap<String, usize> {
    let mut answers = BTreeMap::new();
    for event in history(bot, room_id).await {
        let answered = &event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"];
        if event["sender"] == *bot.user_id
            && let Some(answered) = answered.as_str()
        {
            *answers.entry(answered.to_owned()).or_default() += 1;
        }
    }
    answers
}

/// The states in the desk's lines by the rooms to which they lead.
async fn lines(bot: &Account, desk: &str) -> BTreeMap<String, Vec<String>> {
    let (mut order, mut shown) = (Vec::new(), HashMap::new());
    for event in history(bot, desk).await {
        let content = &event["content"];
        let relation = &content["m.relates_to"];
        if event["type"] != "m.room.message" || event["sender"] != *bot.user_id {
            continue;
        }
        if relation["rel_type"] == "m.replace" {
            let of = relation["event_id"].as_str().unwrap().to_owned();
            shown.insert(of, content["m.new_content"]["body"].clone());
        } else if relation.is_null() {
            let id = event["event_id"].as_str().unwrap().to_owned();
            order.push(id.clone());
            shown.insert(id, content["body"].clone());
        }
    }
    let mut lines = BTreeMap::<_, Vec<_>>::new();
    for id in order {
        let text = shown[&id].as_str().unwrap();
        let link = text.lines().last().unwrap();
        let room = link.strip_prefix("https://matrix.to/#/").expect(text);
        let (room, _) = room.split_once("?via=").unwrap();
        let (state, _) = text
            .split_once(": Ada · webdevelop.biz/pricing · ")
            .expect(text);
        lines
            .entry(room.to_owned())
            .or_default()
            .push(state.to_owned());
    }
    lines
}

/// All events of a room, oldest first.
pub(crate) async fn history(account: &Account, room_id: &str) -> Vec<Value> {
    let (mut events, mut from) = (Vec::new(), String::new());
    loop {
        let path = format!("/_matrix/client/v3/rooms/{room_id}/messages?dir=f&limit=500{from}");
        let page = account.ok(Method::GET, &path, None).await;
        events.extend(page["chunk"].as_array().unwrap().iter().cloned());
        match page["end"].as_str() {
            Some(end) => from = format!("&from={end}"),
            None => return events,
        }
    }
}
