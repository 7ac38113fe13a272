//! Staff's commands, while the server dies: one effect, one answer, one line in the desk.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    api::Conversation,
    homeserver::Account,
    parts::{self, SHARED},
    replies::Replies,
    room::{Kind, reads},
    scenarios::{a_while, assert_flawless},
    stage::{Credentials, Stage},
};

/// The expected answers to the commands, in the order in which the commands were sent.
type Outcomes = Vec<(String, String)>;

const CLOSED: &str = "The chat has ended, and";
const REOPENED: &str = "The chat goes on";
const BLOCKED: &str = "New chats from this visitor's address are refused until";
const LIFTED: &str = "New chats from this visitor's address are accepted again";

/// A member of the staff who gives commands in a room.
struct Commander {
    staff: Arc<Account>,
    replies: Arc<Replies>,
    room_id: String,
    outcomes: Outcomes,
    rng: StdRng,
}

impl Commander {
    async fn give(&mut self, command: &str, outcome: &str) {
        let given = self.replies.command(&self.staff, &self.room_id, command);
        let event_id = given.await.expect("the room");
        self.outcomes.push((event_id, outcome.to_owned()));
        self.think().await;
    }

    async fn think(&mut self) {
        a_while(&mut self.rng, 0..700).await;
    }

    /// If a command were carried out twice, the second answer would differ.
    async fn round(&mut self, blocks: bool) {
        self.give("!close", CLOSED).await;
        self.give("!close", "The chat has ended already").await;
        self.give("!reopen", REOPENED).await;
        let sent = self.replies.send_canned(&self.staff, &self.room_id).await;
        let (event_id, text) = sent.expect("the room");
        self.outcomes
            .push((event_id, format!("The visitor was sent:\n{text}")));
        self.think().await;
        if blocks {
            self.give("!block 7d", BLOCKED).await;
            self.give("!block 0s", LIFTED).await;
        }
    }

    async fn command(mut self, blocks: bool, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            self.round(blocks).await;
        }
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_have_one_effect_and_one_answer() {
    let shared = SHARED.read().await;
    let mut stage = Stage::set("commands", 1, Credentials::Password).await;
    let stop = CancellationToken::new();
    let (mut conversations, mut commanders) = (Vec::new(), Vec::new());
    for number in 0..4 {
        let conversation = stage.api.create(&format!("conversation {number}")).await;
        let room_id = stage.wait_for_room(&conversation).await;
        stage.staff.join(&room_id).await;
        conversations.push(conversation);
        commanders.push(Commander {
            staff: stage.staff.clone(),
            replies: stage.replies.clone(),
            room_id,
            outcomes: Vec::new(),
            rng: StdRng::seed_from_u64(stage.rng.random()),
        });
    }
    // Blocking waits until all conversations have begun, because all visitors have the same
    // address.
    let commanders = commanders.into_iter().enumerate();
    let commanders: Vec<_> = commanders
        .map(|(number, commander)| tokio::spawn(commander.command(number == 0, stop.clone())))
        .collect();
    let kills = 12 * parts::scale();
    for _ in 0..kills {
        a_while(&mut stage.rng, 50..1_200).await;
        stage.servers[0].kill();
        stage.servers[0].start().await;
    }
    stop.cancel();
    let mut done = Vec::new();
    for (number, commander) in commanders.into_iter().enumerate() {
        let mut commander = commander.await.unwrap();
        // Every other conversation ends for good.
        if number % 2 == 1 {
            commander.give("!close", CLOSED).await;
            conversations[number].closed = true;
        }
        done.push(commander);
    }
    let last = block_and_lift(&mut stage, &mut done[0]).await;
    conversations.push(last);
    drop(shared);

    let count: usize = done.iter().map(|it| it.outcomes.len()).sum();
    let faults = format!("{kills} kills of the server, {count} commands");
    assert_flawless(&stage.judge(conversations.clone(), &faults).await);
    for (commander, conversation) in done.iter().zip(&conversations) {
        check_outcomes(&stage, commander).await;
        check_names(&stage, &commander.room_id, conversation).await;
        if conversation.closed {
            line_says_that_it_has_ended(&stage, &commander.room_id).await;
        }
    }
}

/// A blocked visitor cannot begin another chat until the block is lifted. The server dies in
/// between.
async fn block_and_lift(stage: &mut Stage, commander: &mut Commander) -> Conversation {
    for (command, outcome) in [("!block 7d", BLOCKED), ("!block 0s", LIFTED)] {
        commander.give(command, outcome).await;
        stage.servers[0].kill();
        stage.servers[0].start().await;
        let (event_id, _) = commander.outcomes.last().unwrap();
        let deadline = Instant::now() + parts::PATIENCE;
        while !is_answered(stage, &commander.room_id, event_id).await {
            assert!(Instant::now() < deadline, "no answer to {command}");
            sleep(Duration::from_millis(100)).await;
        }
        if outcome == BLOCKED {
            let refused = stage.api.status_of_creation("blocked").await;
            assert_eq!(refused, Some(StatusCode::FORBIDDEN));
        }
    }
    stage.api.create("no longer blocked").await
}

async fn is_answered(stage: &Stage, room_id: &str, event_id: &str) -> bool {
    let events = stage.bot.history(room_id).await;
    let answer = Kind::Answer(event_id.to_owned());
    events.iter().any(|event| event.kind == answer)
}

/// The answers of the bot, and the messages to the visitors, show that the commands were carried
/// out once and in order.
async fn check_outcomes(stage: &Stage, commander: &Commander) {
    let events = stage.bot.history(&commander.room_id).await;
    for (event_id, outcome) in &commander.outcomes {
        let mut answers = events
            .iter()
            .filter(|event| event.kind == Kind::Answer(event_id.clone()));
        let answer = answers.next().expect("an answer");
        assert!(
            answer.body.starts_with(outcome),
            "{} for {outcome}",
            answer.body
        );
        assert!(answers.next().is_none(), "{outcome}, twice");
        if let Some(text) = outcome.strip_prefix("The visitor was sent:\n") {
            let shown: i64 = sqlx::query_scalar("SELECT count(*) FROM messages WHERE body = $1")
                .bind(text)
                .fetch_one(&stage.pool)
                .await
                .unwrap();
            assert_eq!(shown, 1, "{text}");
        }
    }
}

/// The mark of the end is added and removed, and is there at last if the conversation has ended.
async fn check_names(stage: &Stage, room_id: &str, conversation: &Conversation) {
    let names = stage.bot.names(room_id).await;
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    let is_marked = names.last().is_some_and(|name| name.starts_with("✓ "));
    assert_eq!(is_marked, conversation.closed, "{names:?}");
}

/// Waits until the desk's line shows this. An open conversation may take longer to show.
async fn line_says_that_it_has_ended(stage: &Stage, room_id: &str) {
    let mut desk = None;
    for room in stage.bot.joined_rooms().await {
        if stage.bot.is_desk(&room).await {
            desk = Some(room);
        }
    }
    let desk = desk.expect("a desk");
    let deadline = Instant::now() + parts::PATIENCE;
    loop {
        let events = stage.bot.history(&desk).await;
        let address = format!("https://matrix.to/#/{room_id}?via=");
        let line = events
            .iter()
            .find(|event| event.kind == Kind::Text && event.body.contains(&address))
            .expect("a line");
        let text = reads(&events, &line.id).expect("a text");
        if text.starts_with("Ended: ") {
            return;
        }
        assert!(Instant::now() < deadline, "{text}");
        sleep(Duration::from_millis(500)).await;
    }
}
