//! Visitors and staff, who go on whatever happens, and record what they were promised.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::PgPool;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{Api, Conversation},
    homeserver::Account,
    replies::Replies,
};

/// When this many tasks wait in the outbox, no more visitors come: the homeserver should be broken, not overloaded.
const BACKLOG: i64 = 250;
/// Enough for a reply before, during and after a fault.
const REPLIES: usize = 4;

/// The participants.
#[derive(Clone)]
pub(crate) struct Cast {
    pub(crate) api: Api,
    pub(crate) pool: PgPool,
    pub(crate) staff: Arc<Account>,
    /// The colleague whom staff bring into some rooms after much was said there.
    pub(crate) colleague: Arc<Account>,
    pub(crate) replies: Arc<Replies>,
    /// Whether visitors end some of their conversations.
    pub(crate) close: bool,
}

/// Visitors and staff at work.
pub(crate) struct Workload {
    leave: CancellationToken,
    visitors: JoinSet<Vec<Conversation>>,
    stop: CancellationToken,
    staff: JoinHandle<()>,
}

impl Workload {
    pub(crate) fn start(count: u64, cast: &Cast, seed: u64) -> Self {
        let (leave, stop) = (CancellationToken::new(), CancellationToken::new());
        let mut visitors = JoinSet::new();
        for number in 0..count {
            let rng = StdRng::seed_from_u64(seed.wrapping_add(number));
            visitors.spawn(visit(cast.clone(), number, rng, leave.clone()));
        }
        let staff = tokio::spawn(answer(cast.clone(), stop.clone(), seed));
        Self {
            leave,
            visitors,
            stop,
            staff,
        }
    }

    /// Lets visitors finish their conversations.
    pub(crate) async fn visitors_leave(&mut self) -> Vec<Conversation> {
        self.leave.cancel();
        let mut conversations = Vec::new();
        while let Some(visitor) = self.visitors.join_next().await {
            conversations.extend(visitor.unwrap());
        }
        conversations
    }

    /// Lets staff answer every invitation that was sent until now.
    pub(crate) async fn staff_leave(self) {
        self.stop.cancel();
        self.staff.await.unwrap();
    }
}

/// Holds one conversation after the other.
async fn visit(
    cast: Cast,
    visitor: u64,
    mut rng: StdRng,
    leave: CancellationToken,
) -> Vec<Conversation> {
    let Cast { api, pool, .. } = &cast;
    let mut conversations = Vec::new();
    loop {
        wait_for_quiet(pool, &leave).await;
        if leave.is_cancelled() {
            return conversations;
        }
        let name = format!("visitor {visitor}, session {}", conversations.len());
        let mut conversation = api.create(&format!("{name}, text 0")).await;
        for number in 1..rng.random_range(4..16) {
            think(&mut rng, 900).await;
            let text = format!("{name}, text {number}");
            if rng.random_bool(0.2) {
                api.send_once(&mut conversation, text).await;
            } else {
                api.send(&mut conversation, text).await;
            }
            api.poll(&mut conversation).await;
        }
        if rng.random_bool(0.25) && cast.close {
            api.close(&mut conversation).await;
        }
        conversations.push(conversation);
    }
}

async fn wait_for_quiet(pool: &PgPool, leave: &CancellationToken) {
    while !leave.is_cancelled() {
        let waiting: Result<i64, _> = sqlx::query_scalar("SELECT count(*) FROM outbox")
            .fetch_one(pool)
            .await;
        if waiting.is_ok_and(|waiting| waiting < BACKLOG) {
            return;
        }
        sleep(Duration::from_millis(250)).await;
    }
}

/// Accepts every invitation, and writes a few times in each room.
async fn answer(cast: Cast, stop: CancellationToken, seed: u64) {
    let mut rooms = JoinSet::new();
    let mut since = None;
    let mut last_look = false;
    while !last_look {
        last_look = stop.is_cancelled();
        let (invited, position) = cast.staff.invitations(since.as_deref()).await;
        since = Some(position);
        for room_id in invited {
            let rng = StdRng::seed_from_u64(seed.wrapping_add(rooms.len() as u64));
            rooms.spawn(attend(cast.clone(), room_id, rng));
        }
    }
    rooms.join_all().await;
}

/// Joins a room, replies, edits and deletes some texts, gives commands, and sometimes brings in a colleague. A room
/// that is taken away is left alone.
async fn attend(cast: Cast, room_id: String, mut rng: StdRng) {
    let Cast { staff, replies, .. } = &cast;
    if !staff.try_join(&room_id).await {
        return;
    }
    // Not the room's id, which visitors are not shown.
    let room: u32 = rng.random();
    for number in 0..REPLIES {
        think(&mut rng, 3000).await;
        let text = format!("reply {number} in room {room:08x}");
        if !replies.send(staff, &room_id, text).await {
            return;
        }
        if rng.random_bool(0.2) {
            let text = format!("reply {number} in room {room:08x}, edited");
            replies.edit_last(staff, &room_id, text).await;
        }
        if rng.random_bool(0.2) {
            replies.command(staff, &room_id, "!help").await;
        }
        if rng.random_bool(0.2) {
            replies.send_canned(staff, &room_id).await;
        }
        if rng.random_bool(0.2) {
            // A visitor who sees it was not promised it.
            let note = format!("!note {number} in room {room:08x}");
            staff.say(&room_id, &note).await;
        }
        if rng.random_bool(0.1) {
            replies.delete_last(staff, &room_id).await;
        }
        if number == 1 && rng.random_bool(0.25) {
            staff.invite(&room_id, &cast.colleague).await;
            cast.colleague.try_join(&room_id).await;
        }
    }
}

/// A typing person's pause, which makes the moments of faults random.
async fn think(rng: &mut StdRng, longest_ms: u64) {
    sleep(Duration::from_millis(rng.random_range(0..longest_ms))).await;
}
