//! What the server requires before the first message.

use super::*;

fn challenge() -> Event {
    Event::Created(Err(Failure::Challenge {
        site_key: Some("site key".to_owned()),
    }))
}

fn passed(token: &str) -> Event {
    Event::Solved(Some(token.to_owned()))
}

/// The creation that `effects` request, with a token added.
fn with_token(mut effects: Vec<Effect>, token: &str) -> Vec<Effect> {
    match effects.as_mut_slice() {
        [Effect::Ask(Request::Create { request, .. })] => {
            request.turnstile_token = Some(token.to_owned());
        }
        other => panic!("{other:?}"),
    }
    effects
}

#[test]
fn a_passed_challenge_sends_the_very_same_message_with_its_token() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    assert!(!browser.session.is_challenged());
    assert_eq!(
        browser.on(challenge()),
        [Effect::Challenge("site key".to_owned())]
    );
    assert!(browser.session.is_challenged());
    assert_eq!(browser.lines(), ["Hello"]);
    // What is sent meanwhile follows it.
    assert_eq!(browser.send("Second"), []);
    assert_eq!(browser.on(passed("token")), with_token(first, "token"));
    assert!(!browser.session.is_challenged());
    let effects = browser.on(created());
    assert!(effects.contains(&send("key2", "Second")), "{effects:?}");
    assert_eq!(browser.lines(), ["Hello", "Second"]);
}

#[test]
fn a_challenge_that_cannot_be_passed_keeps_the_message_for_another_try() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(challenge());
    assert_eq!(browser.on(Event::Solved(None)), []);
    assert!(!browser.session.is_challenged());
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    assert_eq!(browser.session.draft(), "Hello");
    assert_eq!(browser.retry(), first);
    assert_eq!(browser.on(challenge()).len(), 1);
    assert_eq!(browser.on(passed("token")), with_token(first, "token"));
}

#[test]
fn a_challenge_without_a_site_key_is_a_message_that_was_not_sent() {
    let mut browser = Browser::open();
    browser.send("Hello");
    let no_key = Failure::Challenge { site_key: None };
    assert_eq!(browser.on(Event::Created(Err(no_key))), []);
    assert!(!browser.session.is_challenged());
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    assert_eq!(browser.session.draft(), "Hello");
}

#[test]
fn a_token_that_the_server_does_not_take_is_told_and_not_tried_without_end() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(challenge());
    browser.on(passed("token"));
    assert_eq!(browser.on(challenge()), []);
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    // A token is valid once, so the next attempt has none.
    assert_eq!(browser.retry(), first);
}

#[test]
fn answers_to_a_challenge_that_nobody_waits_for_mean_nothing() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    assert_eq!(browser.on(passed("early")), []);
    browser.on(challenge());
    assert_eq!(browser.on(passed("token")), with_token(first, "token"));
    assert_eq!(browser.on(passed("again")), []);
    assert_eq!(browser.on(Event::Solved(None)), []);
    assert_eq!(browser.trouble(), None);
}

// The proof of work.

fn proof_required() -> Event {
    Event::Created(Err(Failure::Proof))
}

fn proved(proof: &str) -> Event {
    Event::Solved(Some(proof.to_owned()))
}

/// The creation that `effects` request, with a proof added.
fn with_proof(mut effects: Vec<Effect>, proof: &str) -> Vec<Effect> {
    match effects.as_mut_slice() {
        [Effect::Ask(Request::Create { request, .. })] => request.proof = Some(proof.to_owned()),
        other => panic!("{other:?}"),
    }
    effects
}

#[test]
fn a_proof_sends_the_very_same_message_without_a_word_to_the_visitor() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    assert_eq!(browser.on(proof_required()), [Effect::Prove]);
    assert!(browser.session.outgoing().all(|(_, sending)| sending));
    assert!(!browser.session.is_challenged());
    assert_eq!(browser.trouble(), None);
    assert_eq!(browser.send("Second"), []);
    assert_eq!(browser.on(proved("proof")), with_proof(first, "proof"));
    let effects = browser.on(created());
    assert!(effects.contains(&send("key2", "Second")), "{effects:?}");
    assert_eq!(browser.lines(), ["Hello", "Second"]);
}

#[test]
fn a_proof_that_cannot_be_made_keeps_the_message_for_another_try() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(proof_required());
    assert_eq!(browser.on(Event::Solved(None)), []);
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    assert_eq!(browser.session.draft(), "Hello");
    assert_eq!(browser.retry(), first);
    assert_eq!(browser.on(proof_required()), [Effect::Prove]);
    assert_eq!(browser.on(proved("proof")), with_proof(first, "proof"));
}

#[test]
fn proofs_are_not_made_without_end() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    for proof in ["one", "two", "three"] {
        assert_eq!(browser.on(proof_required()), [Effect::Prove]);
        assert_eq!(browser.on(proved(proof)), with_proof(first.clone(), proof));
    }
    browser.on(proof_required());
    assert_eq!(browser.trouble(), Some(Trouble::NotSent));
    assert_eq!(browser.session.draft(), "Hello");
    assert_eq!(browser.retry(), first, "the next try begins without");
    assert_eq!(browser.on(proof_required()), [Effect::Prove]);
}

#[test]
fn a_passed_challenge_counts_with_every_proof_that_follows() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    browser.on(challenge());
    let with_token = with_token(first, "token");
    assert_eq!(browser.on(passed("token")), with_token);
    assert_eq!(browser.on(proof_required()), [Effect::Prove]);
    assert_eq!(browser.on(proved("proof")), with_proof(with_token, "proof"));
}

#[test]
fn a_proof_that_nobody_waits_for_means_nothing() {
    let mut browser = Browser::open();
    let first = browser.send("Hello");
    assert_eq!(browser.on(proved("early")), []);
    browser.on(proof_required());
    assert_eq!(browser.on(proved("proof")), with_proof(first, "proof"));
    assert_eq!(browser.on(proved("again")), []);
    assert_eq!(browser.on(Event::Solved(None)), []);
    assert_eq!(browser.trouble(), None);
}
