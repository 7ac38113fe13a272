//! One session's turn: its tasks are sent one after the other, and their ends recorded behind them.

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Held, Sender, attempt::Postponed, pace::Pace, sent_here::Sending};
use crate::relay::{
    handoff::Place,
    queue::{self, Claim, End, Lane, Outcome},
};

/// Tasks of one session that are claimed ahead, so that the next one is sent when one was answered, and not
/// when its end is recorded.
const AHEAD: usize = 16;
/// Tasks of one session that are sent before others that wait get its place.
const TURN: usize = 48;

/// A turn that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drained {
    /// Where a place has become free.
    pub(super) lane: Lane,
    /// The session may have more to send.
    pub(super) more: bool,
}

/// How a task that was sent ended, on the way to the recorder.
#[derive(Debug)]
struct Ended {
    claim: Claim,
    outcome: Outcome,
    /// There is a place to go on with.
    go_on: bool,
}

impl Sender {
    /// A drain that news of its session reaches from now on, before it is first polled.
    pub(super) fn start(
        &self,
        first: Claim,
        place: Place,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = Drained> + use<> {
        let sending = self.sent_here.begin(first.subject.id);
        self.clone().drain(first, place, sending, shutdown.clone())
    }

    /// Sends a session's tasks, until there are none, one has to wait or the turn is over; then gives up its
    /// place.
    async fn drain(
        self,
        first: Claim,
        place: Place,
        sending: Sending,
        shutdown: CancellationToken,
    ) -> Drained {
        let (claimed, to_send) = mpsc::channel(AHEAD);
        let (ended, to_record) = mpsc::unbounded_channel();
        let (last, session_id) = (first.position, first.subject.id);
        let mut held = Held {
            lanes: self.lanes.clone(),
            lane: first.task.lane(),
            place: Some(place),
        };
        let (room_lost, mut more) = tokio::join!(
            self.send_all(first, &mut held, to_send, ended, &shutdown),
            self.record_all(to_record, claimed, last, &sending, &shutdown),
        );
        // What was sent before is recorded: what is told in the new room is complete.
        if let Some((claim, room_id)) = room_lost {
            self.replace_room(&claim, &room_id).await;
        }
        if more {
            let behind_others = queue::yield_turn(&self.pool, session_id).await;
            more = behind_others.unwrap_or(true);
        }
        Drained {
            lane: held.lane,
            more: sending.end() || more,
        }
    }

    /// Sends what is claimed, until nothing is any more; when one has to wait, those behind it do too. Answers
    /// with the task whose room is lost, and that room.
    async fn send_all(
        &self,
        first: Claim,
        held: &mut Held,
        mut to_send: mpsc::Receiver<Claim>,
        ended: mpsc::UnboundedSender<Ended>,
        shutdown: &CancellationToken,
    ) -> Option<(Claim, String)> {
        let (mut next, mut renewed) = (Some(first), Instant::now());
        let mut pace = Pace::new(self.sends.clone());
        let postponed = loop {
            let claim = next?;
            match self.attempt(&claim, &mut pace, &mut renewed).await {
                Ok(outcome) => {
                    let go_on = held.move_to_messages();
                    let recorded = ended.send(Ended {
                        claim,
                        outcome,
                        go_on,
                    });
                    // What is not recorded is sent again, to no effect, and nothing may overtake it.
                    if recorded.is_err() || shutdown.is_cancelled() {
                        break None;
                    }
                }
                Err(postponed) => break Some((claim, postponed)),
            }
            next = to_send.recv().await;
        };
        drop(ended);
        let lost = match postponed {
            Some((claim, Postponed::RoomLost(room_id))) => Some((claim, room_id)),
            // When this fails too, the leases run out.
            Some((claim, Postponed::For(delay))) => {
                let _ = queue::retry(&self.pool, &claim, delay).await;
                None
            }
            None => None,
        };
        let mut unsent = Vec::new();
        while let Some(claim) = to_send.recv().await {
            unsent.push(claim);
        }
        if !unsent.is_empty() {
            let _ = queue::give_back(&self.pool, &unsent).await;
        }
        lost
    }

    /// Records ends in their order, and claims what comes behind them, until nothing that is claimed is left;
    /// answers with whether it stopped before the queue was empty.
    async fn record_all(
        &self,
        mut to_record: mpsc::UnboundedReceiver<Ended>,
        claimed: mpsc::Sender<Claim>,
        mut last: i64,
        sending: &Sending,
        shutdown: &CancellationToken,
    ) -> bool {
        let (mut left, mut turn) = (1, TURN);
        let mut gave_up = false;
        while left > 0
            && let Some(Ended {
                claim,
                outcome,
                go_on,
            }) = to_record.recv().await
        {
            left -= 1;
            turn = turn.saturating_sub(1);
            let stops = shutdown.is_cancelled() || to_record.is_closed();
            // Many at once: a claim has to reach the disk.
            let limit = if !stops && go_on && left <= AHEAD / 2 {
                AHEAD.min(turn).saturating_sub(left)
            } else {
                0
            };
            gave_up = !stops && (!go_on || turn <= left);
            // Ends that pile up would be looked for in the room after a crash.
            let urgent = left == 0 || !to_record.is_empty();
            // What is queued from here on is told of again.
            sending.take_more();
            let end = End {
                claim,
                outcome,
                after: last,
                limit: i64::try_from(limit).unwrap_or(i64::MAX),
            };
            let Some(next) = self.recorder.record(end, urgent).await else {
                return false;
            };
            for claim in next {
                let position = claim.position;
                // There is room for it, and who sends is there until this ends.
                if claimed.try_send(claim).is_ok() {
                    left += 1;
                    last = position;
                }
            }
        }
        gave_up
    }
}
