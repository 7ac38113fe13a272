//! One session's turn: its tasks are sent one after the other, and their ends are recorded beside the sends.

use std::{collections::VecDeque, pin::pin};

use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Sender, attempt::Postponed, pace::Pace, places::Held, sent_here::Sending};
use crate::relay::{
    handoff::Place,
    queue::{Claim, End, Lane, Outcome},
};

/// Tasks of one session that are claimed ahead, so that the next one is sent when one was answered, and not
/// when its end is recorded.
const AHEAD: usize = 16;
/// Tasks of one session that are sent before others that wait get its place.
const TURN: usize = 48;

/// A turn that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    /// Where a place has become free.
    pub(super) lane: Lane,
    /// The session may have more to send.
    pub(super) more: bool,
}

/// A session's turn that is under way.
#[derive(Debug)]
struct Turn<'a> {
    sender: &'a Sender,
    sending: &'a Sending,
    shutdown: &'a CancellationToken,
    /// What is claimed and was not sent yet.
    to_send: VecDeque<Claim>,
    /// What was sent, and its end is still to be recorded.
    ended: VecDeque<Ended>,
    /// Brings what was claimed when the recorder recorded an end.
    recording: Option<oneshot::Receiver<Vec<Claim>>>,
    /// The position of the last task that was claimed.
    last: i64,
    /// Claims whose ends the recorder was not given yet.
    unrecorded: usize,
    /// Tasks that the turn may still end.
    left: usize,
    /// Nothing more is claimed.
    is_ending: bool,
    /// The recorder could not record an end. What follows would overtake it.
    is_stuck: bool,
    /// It stopped claiming before the queue was empty.
    gave_up: bool,
}

/// How a task ended.
#[derive(Debug)]
struct Ended {
    claim: Claim,
    outcome: Outcome,
    /// There is a place to go on with.
    go_on: bool,
}

impl Sender {
    /// A session's turn. News of the session reaches it from now on, before it is first polled.
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

    /// Sends a session's tasks, until there are none, one has to wait or the turn is over; then gives up its
    /// place.
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
            // When this fails too, the leases run out.
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
        // What was sent before is recorded, so what is told in the new room is complete.
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

    /// Sends what is claimed, until nothing is any more. A task that has to wait ends it, since those behind it have to
    /// wait too; it answers with that task.
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

    /// The next task to send. While none is claimed it waits for what the recorder claims.
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

    /// Does something, and has ends recorded meanwhile.
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

    /// Has one end recorded, and takes what was claimed with it. It loses nothing when it is dropped: the next call goes
    /// on with the same end.
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
            // What is not recorded is sent again, to no effect, when its lease has run out.
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

    /// Gives an end to the recorder, which also claims what comes behind.
    fn record(&mut self, ended: Ended) -> oneshot::Receiver<Vec<Claim>> {
        self.unrecorded -= 1;
        self.left = self.left.saturating_sub(1);
        let stops = self.is_ending || self.shutdown.is_cancelled();
        // A claim has to reach the disk, so many are claimed at once.
        let limit = if !stops && ended.go_on && self.unrecorded <= AHEAD / 2 {
            AHEAD.min(self.left).saturating_sub(self.unrecorded)
        } else {
            0
        };
        self.gave_up = !stops && (!ended.go_on || self.left <= self.unrecorded);
        // Either the turn waits for what is claimed with this end, or ends pile up, all of which would be looked for in
        // the room after a crash.
        let is_urgent = self.unrecorded == 0 || !self.ended.is_empty();
        // What is queued from here on is told of again.
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
