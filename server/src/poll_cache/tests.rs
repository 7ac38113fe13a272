//! Heads and those who wait.

use super::*;
use crate::support_chat::token;

const HOUR: Duration = Duration::from_hours(1);

struct Case {
    heads: Heads,
    session_id: Uuid,
    token: TokenDigest,
    newest: Uuid,
}

impl Case {
    fn new() -> Self {
        let heads = Heads::new(CancellationToken::new());
        heads.begin_epoch();
        heads.trust_until(Instant::now() + HOUR);
        Self {
            heads,
            session_id: Uuid::new_v4(),
            token: token::digest("token"),
            newest: Uuid::new_v4(),
        }
    }

    fn remember(&self, ticket: &Ticket) {
        self.remember_until(ticket, Instant::now() + HOUR);
    }

    fn remember_until(&self, ticket: &Ticket, expires_at: Instant) {
        let head = Head {
            newest: self.newest,
            marks: Marks::default(),
            token: self.token,
            expires_at,
        };
        self.heads.remember(ticket, head);
    }

    fn ticket(&self) -> Ticket {
        self.heads.ticket(self.session_id)
    }

    fn is_known(&self) -> bool {
        self.heads
            .nothing_after(self.session_id, &self.token, self.newest)
            .is_some()
    }
}

#[test]
fn a_head_vouches_for_its_own_message_and_token_only() {
    let case = Case::new();
    assert!(!case.is_known());
    case.remember(&case.ticket());
    assert!(case.is_known());
    let other_token = token::digest("other");
    let Case {
        heads,
        session_id,
        token,
        newest,
    } = &case;
    assert!(
        heads
            .nothing_after(*session_id, &other_token, *newest)
            .is_none()
    );
    assert!(
        heads
            .nothing_after(*session_id, token, Uuid::new_v4())
            .is_none()
    );
    assert!(
        heads
            .nothing_after(Uuid::new_v4(), token, *newest)
            .is_none()
    );
}

#[test]
fn a_change_is_noticed_after_and_during_the_reading() {
    let case = Case::new();
    case.remember(&case.ticket());
    case.heads.changed(case.session_id);
    assert!(!case.is_known(), "a change after it was read");
    let ticket = case.ticket();
    case.heads.changed(case.session_id);
    case.remember(&ticket);
    assert!(!case.is_known(), "a change while it was read");
}

#[test]
fn nothing_counts_while_changes_may_be_missed_nor_what_was_read_before() {
    let case = Case::new();
    case.remember(&case.ticket());
    case.heads.distrust();
    assert!(!case.is_known(), "the connection is gone");
    let during = case.ticket();
    case.heads.begin_epoch();
    case.heads.trust_until(Instant::now() + HOUR);
    assert!(!case.is_known(), "read before there was a new connection");
    case.remember(&during);
    assert!(!case.is_known(), "its reading began before");
    case.remember(&case.ticket());
    assert!(case.is_known());
    case.heads.trust_until(Instant::now());
    assert!(!case.is_known(), "the connection has not answered lately");
}

#[test]
fn a_head_ends_with_its_session_and_with_its_age() {
    let case = Case::new();
    case.remember_until(&case.ticket(), Instant::now());
    assert!(!case.is_known(), "the session has expired");
    let mut ticket = case.ticket();
    // A machine that has just been started has no instant that lies so far back.
    if let Some(long_ago) = ticket.taken_at.checked_sub(MAX_AGE) {
        ticket.taken_at = long_ago;
        case.remember(&ticket);
        assert!(!case.is_known(), "it is too old");
        case.heads.forget_old();
        assert!(case.heads.shard(case.session_id).heads.is_empty());
    }
}

#[test]
fn heads_that_were_read_together_do_not_end_together() {
    let case = Case::new();
    let ticket = case.ticket();
    let ends: Vec<_> = (0..1_000)
        .map(|_| {
            case.remember(&ticket);
            let shard = case.heads.shard(case.session_id);
            shard.heads[&case.session_id].good_until - ticket.taken_at
        })
        .collect();
    assert!(ends.iter().all(|end| (MIN_AGE..MAX_AGE).contains(end)));
    let middle = (MIN_AGE + MAX_AGE) / 2;
    assert!(ends.iter().any(|end| *end < middle));
    assert!(ends.iter().any(|end| *end > middle));
}

#[test]
fn memory_is_bounded() {
    let case = Case::new();
    for _ in 0..2 * MAX_HEADS {
        let head = Head {
            newest: case.newest,
            marks: Marks::default(),
            token: case.token,
            expires_at: Instant::now() + HOUR,
        };
        case.heads
            .remember(&case.heads.ticket(Uuid::new_v4()), head);
    }
    let shards = case.heads.inner.shards.iter();
    let kept: usize = shards.map(|shard| lock(shard).heads.len()).sum();
    assert!(kept <= MAX_HEADS, "{kept}");
}

#[tokio::test]
async fn places_are_bounded_and_given_back_and_a_change_wakes_who_has_one() {
    let heads = Heads::with_places(CancellationToken::new(), 1);
    let session_id = Uuid::new_v4();
    let waiter = heads.waiter(session_id).unwrap();
    assert!(heads.waiter(session_id).is_none());
    let change = waiter.change();
    heads.changed(session_id);
    change.await;
    drop(waiter);
    assert!(heads.shard(session_id).waiting.is_empty());
    assert!(heads.waiter(session_id).is_some());
}

#[test]
fn staff_type_until_they_stop_or_for_half_a_minute() {
    let case = Case::new();
    let (heads, id) = (&case.heads, case.session_id);
    case.remember(&case.ticket());
    heads.set_staff_typing(id, true);
    assert!(heads.staff_type(id));
    assert!(!heads.staff_type(Uuid::new_v4()));
    let signals = heads.nothing_after(id, &case.token, case.newest);
    assert!(signals.expect("typing is no news").staff_typing);
    let later = Instant::now() + TYPING;
    assert!(!heads.shard(id).staff_type(id, later));
    heads.set_staff_typing(id, false);
    assert!(!heads.staff_type(id));
}

#[test]
fn memory_for_typing_is_bounded() {
    let case = Case::new();
    for _ in 0..2 * MAX_TYPING {
        case.heads.set_staff_typing(Uuid::new_v4(), true);
    }
    let shards = case.heads.inner.shards.iter();
    let kept: usize = shards.map(|shard| lock(shard).typing.len()).sum();
    assert!(kept <= MAX_TYPING, "{kept}");
}

#[tokio::test]
async fn typing_wakes_who_waits() {
    let case = Case::new();
    let waiter = case.heads.waiter(case.session_id).unwrap();
    for typing in [true, false] {
        let change = waiter.change();
        case.heads.set_staff_typing(case.session_id, typing);
        change.await;
    }
}

#[test]
fn who_asks_and_who_waits_is_seen_once() {
    let case = Case::new();
    let id = case.session_id;
    case.remember(&case.ticket());
    assert!(case.heads.take_seen().is_empty());
    assert!(case.is_known());
    assert_eq!(case.heads.take_seen(), [id]);
    assert!(case.heads.take_seen().is_empty());
    let waiter = case.heads.waiter(id).unwrap();
    assert_eq!(case.heads.take_seen(), [id]);
    assert_eq!(case.heads.take_seen(), [id], "for as long as it waits");
    drop(waiter);
    assert!(case.heads.take_seen().is_empty());
    assert!(case.heads.opens(id, &case.token));
    assert_eq!(case.heads.take_seen(), [id]);
    assert!(!case.heads.opens(id, &token::digest("other")));
    assert!(case.heads.take_seen().is_empty());
}
