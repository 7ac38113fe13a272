//! Tests of snapshots and of polls that wait.

use super::*;

const HOUR: Duration = Duration::from_hours(1);

struct Case {
    cache: PollCache,
    session_id: Uuid,
    token: TokenDigest,
    newest: Uuid,
}

impl Case {
    fn new() -> Self {
        let cache = PollCache::new(CancellationToken::new());
        cache.begin_epoch();
        cache.trust_until(Instant::now() + HOUR);
        Self {
            cache,
            session_id: Uuid::new_v4(),
            token: TokenDigest::of("token"),
            newest: Uuid::new_v4(),
        }
    }

    fn remember(&self, ticket: &Ticket) {
        self.remember_until(ticket, Instant::now() + HOUR);
    }

    fn remember_until(&self, ticket: &Ticket, expires_at: Instant) {
        let snapshot = Snapshot {
            newest: self.newest,
            marks: Marks::default(),
            token: self.token,
            expires_at,
        };
        self.cache.remember(ticket, snapshot);
    }

    fn ticket(&self) -> Ticket {
        self.cache.ticket(self.session_id)
    }

    fn is_known(&self) -> bool {
        self.cache
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
    let other_token = TokenDigest::of("other");
    let Case {
        cache,
        session_id,
        token,
        newest,
    } = &case;
    assert!(
        cache
            .nothing_after(*session_id, &other_token, *newest)
            .is_none()
    );
    assert!(
        cache
            .nothing_after(*session_id, token, Uuid::new_v4())
            .is_none()
    );
    assert!(
        cache
            .nothing_after(Uuid::new_v4(), token, *newest)
            .is_none()
    );
}

#[test]
fn a_change_is_noticed_after_and_during_the_reading() {
    let case = Case::new();
    case.remember(&case.ticket());
    case.cache.changed(case.session_id);
    assert!(!case.is_known(), "a change after it was read");
    let ticket = case.ticket();
    case.cache.changed(case.session_id);
    case.remember(&ticket);
    assert!(!case.is_known(), "a change while it was read");
}

#[test]
fn nothing_counts_while_changes_may_be_missed_nor_what_was_read_before() {
    let case = Case::new();
    case.remember(&case.ticket());
    case.cache.distrust();
    assert!(!case.is_known(), "the connection is gone");
    let during = case.ticket();
    case.cache.begin_epoch();
    case.cache.trust_until(Instant::now() + HOUR);
    assert!(!case.is_known(), "read before there was a new connection");
    case.remember(&during);
    assert!(!case.is_known(), "its reading began before");
    case.remember(&case.ticket());
    assert!(case.is_known());
    case.cache.trust_until(Instant::now());
    assert!(!case.is_known(), "the connection has not answered lately");
}

#[test]
fn a_head_ends_with_its_session_and_with_its_age() {
    let case = Case::new();
    case.remember_until(&case.ticket(), Instant::now());
    assert!(!case.is_known(), "the session has expired");
    let mut ticket = case.ticket();
    // On a machine that has just started, an instant cannot lie that far back.
    if let Some(long_ago) = ticket.taken_at.checked_sub(MAX_AGE) {
        ticket.taken_at = long_ago;
        case.remember(&ticket);
        assert!(!case.is_known(), "it is too old");
        case.cache.forget_old();
        assert!(case.cache.shard(case.session_id).snapshots.is_empty());
    }
}

#[test]
fn heads_that_were_read_together_do_not_end_together() {
    let case = Case::new();
    let ticket = case.ticket();
    let ends: Vec<_> = (0..1_000)
        .map(|_| {
            case.remember(&ticket);
            let shard = case.cache.shard(case.session_id);
            shard.snapshots[&case.session_id].good_until - ticket.taken_at
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
    for _ in 0..2 * MAX_SNAPSHOTS {
        let snapshot = Snapshot {
            newest: case.newest,
            marks: Marks::default(),
            token: case.token,
            expires_at: Instant::now() + HOUR,
        };
        case.cache
            .remember(&case.cache.ticket(Uuid::new_v4()), snapshot);
    }
    let shards = case.cache.inner.shards.iter();
    let kept: usize = shards.map(|shard| lock(shard).snapshots.len()).sum();
    assert!(kept <= MAX_SNAPSHOTS, "{kept}");
}

#[tokio::test]
async fn places_are_limited_and_given_back_and_a_change_wakes_their_polls() {
    let cache = PollCache::with_places(CancellationToken::new(), 1);
    let session_id = Uuid::new_v4();
    let waiter = cache.waiter(session_id).unwrap();
    assert!(cache.waiter(session_id).is_none());
    let change = waiter.change();
    cache.changed(session_id);
    change.await;
    drop(waiter);
    assert!(cache.shard(session_id).waiting.is_empty());
    assert!(cache.waiter(session_id).is_some());
}

#[test]
fn staff_type_until_they_stop_or_for_half_a_minute() {
    let case = Case::new();
    let (cache, id) = (&case.cache, case.session_id);
    case.remember(&case.ticket());
    cache.set_staff_typing(id, true);
    assert!(cache.staff_type(id));
    assert!(!cache.staff_type(Uuid::new_v4()));
    let signals = cache.nothing_after(id, &case.token, case.newest);
    assert!(signals.expect("typing is no news").staff_typing);
    let later = Instant::now() + TYPING;
    assert!(!cache.shard(id).staff_type(id, later));
    cache.set_staff_typing(id, false);
    assert!(!cache.staff_type(id));
}

#[test]
fn memory_for_typing_is_bounded() {
    let case = Case::new();
    for _ in 0..2 * MAX_TYPING {
        case.cache.set_staff_typing(Uuid::new_v4(), true);
    }
    let shards = case.cache.inner.shards.iter();
    let kept: usize = shards.map(|shard| lock(shard).typing.len()).sum();
    assert!(kept <= MAX_TYPING, "{kept}");
}

#[tokio::test]
async fn typing_wakes_polls_that_wait() {
    let case = Case::new();
    let waiter = case.cache.waiter(case.session_id).unwrap();
    for typing in [true, false] {
        let change = waiter.change();
        case.cache.set_staff_typing(case.session_id, typing);
        change.await;
    }
}

#[test]
fn visitors_who_ask_or_wait_are_seen_once() {
    let case = Case::new();
    let id = case.session_id;
    case.remember(&case.ticket());
    assert!(case.cache.take_seen().is_empty());
    assert!(case.is_known());
    assert_eq!(case.cache.take_seen(), [id]);
    assert!(case.cache.take_seen().is_empty());
    let waiter = case.cache.waiter(id).unwrap();
    assert_eq!(case.cache.take_seen(), [id]);
    assert_eq!(case.cache.take_seen(), [id], "for as long as it waits");
    drop(waiter);
    assert!(case.cache.take_seen().is_empty());
    assert!(case.cache.opens(id, &case.token));
    assert_eq!(case.cache.take_seen(), [id]);
    assert!(!case.cache.opens(id, &TokenDigest::of("other")));
    assert!(case.cache.take_seen().is_empty());
}
