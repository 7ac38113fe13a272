//! One session's turn: its tasks are sent one after the other, and their ends are recorded beside the sends.

use std::{collections::VecDeque, pin::pin};

use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Sender, attempt::Postponed, pace::Pace, places::Held, sent_here::Sending};
use crate::relay::{
    handoff::Place,
    queue::{Claim, End, Lane, Outcome},
};

/// The number of tasks of a session that are claimed ahead, so that the next one is sent when the previous one was
/// answered, and not when its end is recorded.
const AHEAD: usize = 16;
/// The number of tasks of a session that are sent before another session gets its place.
const TURN: usize = 48;

/// A turn that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    /// The lane in which a place has become free.
    pub(super) lane: Lane,
    /// Whether the session may have more to send.
    pub(super) more: bool,
}

/// A session's turn that is under way.
#[derive(Debug)]
struct Turn<'a> {
    sender: &'a Sender,
    sending: &'a Sending,
    shutdown: &'a CancellationToken,
    /// Tasks that are claimed and not sent yet.
    to_send: VecDeque<Claim>,
    /// Tasks that were sent, and whose ends are still to be recorded.
    ended: VecDeque<Ended>,
    /// Brings the tasks that the recorder has claimed with an end.
    recording: Option<oneshot::Receiver<Vec<Claim>>>,
    /// The position of the last task that was claimed.
    last: i64,
    /// The number of claims whose ends the recorder has not got yet.
    unrecorded: usize,
    /// The number of tasks that the turn may still end.
    left: usize,
    /// Whether no more tasks are claimed.
    is_ending: bool,
    /// Whether the recorder has failed to record an end. Whatever follows would overtake it.
    is_stuck: bool,
    /// Whether the turn stopped claiming before the queue was empty.
    gave_up: bool,
}

/// How a task ended.
#[derive(Debug)]
struct Ended {
    claim: Claim,
    outcome: Outcome,
    /// Whether there is a place to go on with.
    go_on: bool,
}

impl Sender {
    /// A session's turn. It gets the session's news from this call on, even before it is first polled.
    pub(super) fn turn(
        &self,
        first: Claim,
        place: Place,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = Over> + use<> {
        let sending = self.sent_here.begin(first.subject.id);
        self.clone()
            .take_turn(first, place, sending, shutdown.clone())
    }

    /// Sends a session's tasks until there are none, one has to wait or the turn is over, and then gives up its place.
    async fn take_turn(
        self,
        first: Claim,
        place: Place,
        sending: Sending,
        shutdown: CancellationToken,
    ) -> Over {
        let session_id = first.subject.id;
        let mut held = Held::new(self.lanes.clone(), first.task.lane(), place);
        let mut turn = Turn::new(&self, first, &sending, &shutdown);
        let postponed = turn.send_all(&mut held).await;
        turn.is_ending = true;
        let lost_room = match postponed {
            Some((claim, Postponed::RoomLost(room_id))) => Some((claim, room_id)),
            // If this fails too, the leases expire.
            Some((claim, Postponed::For(delay))) => {
                let _ = turn.beside(self.store.retry(&claim, delay)).await;
                None
            }
            None => None,
        };
        while turn.has_to_record() {
            turn.record_next().await;
        }
        let unsent = Vec::from(turn.to_send);
        if !unsent.is_empty() {
            let _ = self.store.give_back(&unsent).await;
        }
        // All earlier ends are recorded, so the new room is told everything.
        if let Some((claim, room_id)) = lost_room {
            self.room_maker.replace_room(&claim, &room_id).await;
        }
        let mut more = turn.gave_up && !turn.is_stuck;
        if more {
            let behind_others = self.store.yield_turn(session_id).await;
            more = behind_others.unwrap_or(true);
        }
        Over {
            lane: held.lane(),
            more: sending.end() || more,
        }
    }
}

impl<'a> Turn<'a> {
    fn new(
        sender: &'a Sender,
        first: Claim,
        sending: &'a Sending,
        shutdown: &'a CancellationToken,
    ) -> Self {
        Self {
            sender,
            sending,
            shutdown,
            last: first.position,
            to_send: VecDeque::from([first]),
            ended: VecDeque::new(),
            recording: None,
            unrecorded: 1,
            left: TURN,
            is_ending: false,
            is_stuck: false,
            gave_up: false,
        }
    }

    /// Sends the claimed tasks until there are none left. A task that has to wait ends this, since
    /// those behind it have to wait too; that task is returned.
    async fn send_all(&mut self, held: &mut Held) -> Option<(Claim, Postponed)> {
        let sender = self.sender;
        let mut pace = Pace::new(sender.sends.clone());
        let mut renewed = Instant::now();
        loop {
            let claim = self.next().await?;
            let attempt = sender.attempt(&claim, &mut pace, &mut renewed);
            match self.beside(attempt).await {
                Ok(outcome) => self.ended.push_back(Ended {
                    claim,
                    outcome,
                    go_on: held.move_to_messages(),
                }),
                Err(postponed) => return Some((claim, postponed)),
            }
            if self.shutdown.is_cancelled() {
                return None;
            }
        }
    }

    /// The next task to send. While none is claimed, this waits for the tasks that the recorder claims.
    async fn next(&mut self) -> Option<Claim> {
        while !self.is_stuck {
            if let Some(claim) = self.to_send.pop_front() {
                return Some(claim);
            }
            if !self.has_to_record() {
                return None;
            }
            self.record_next().await;
        }
        None
    }

    /// Does some work while ends are recorded.
    async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.record_next(), if self.has_to_record() => {}
            }
        }
    }

    fn has_to_record(&self) -> bool {
        self.recording.is_some() || !self.ended.is_empty()
    }

    /// Records one end, and takes the tasks that were claimed with it. Nothing is lost when the
    /// future is dropped: the next call continues with the same end.
    async fn record_next(&mut self) {
        if self.recording.is_none()
            && let Some(ended) = self.ended.pop_front()
        {
            self.recording = Some(self.record(ended));
        }
        let Some(recording) = &mut self.recording else {
            return;
        };
        let claimed = recording.await;
        self.recording = None;
        let Ok(claimed) = claimed else {
            // A task whose end is not recorded is sent again when its lease has expired, which changes nothing.
            self.is_stuck = true;
            self.ended.clear();
            return;
        };
        if let Some(last) = claimed.last() {
            self.last = last.position;
        }
        self.unrecorded += claimed.len();
        self.to_send.extend(claimed);
    }

    /// Passes an end to the recorder, which also claims the tasks behind it.
    fn record(&mut self, ended: Ended) -> oneshot::Receiver<Vec<Claim>> {
        self.unrecorded -= 1;
        self.left = self.left.saturating_sub(1);
        let stops = self.is_ending || self.shutdown.is_cancelled();
        // Each claim has to reach the disk, so many tasks are claimed at once.
        let limit = if !stops && ended.go_on && self.unrecorded <= AHEAD / 2 {
            AHEAD.min(self.left).saturating_sub(self.unrecorded)
        } else {
            0
        };
        self.gave_up = !stops && (!ended.go_on || self.left <= self.unrecorded);
        // Either the turn waits for the tasks that are claimed with this end, or ends pile up, and after a crash all of
        // them would be looked for in the room.
        let is_urgent = self.unrecorded == 0 || !self.ended.is_empty();
        // Tasks that are queued from here on are announced again.
        self.sending.take_more();
        let end = End {
            claim: ended.claim,
            outcome: ended.outcome,
            after: self.last,
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        self.sender.recorder.record(end, is_urgent)
    }
}
