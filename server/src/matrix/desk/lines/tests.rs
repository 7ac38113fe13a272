use super::*;

fn line(state: State) -> Wanted {
    Wanted {
        room_id: "!room:localhost".to_owned(),
        name: "Ada · website · K7F2".to_owned(),
        code: "K7F2".to_owned(),
        first_words: "Hello".to_owned(),
        state,
        is_verified: false,
        rating: None,
    }
}

#[test]
fn a_line_says_of_whom_it_is_and_how_it_was() {
    let mut line = line(State::Left { answered: true });
    let plain = line.digest();
    line.is_verified = true;
    line.rating = Some(Rating::Bad);
    let texts = DeskTexts::of(StaffLanguage::English);
    assert_eq!(
        line.words_in(&line.state, texts),
        "Left, verified, rated bad"
    );
    assert_ne!(line.digest(), plain, "it is edited");
}

#[test]
fn the_first_answer_is_told_from_those_that_follow() {
    let answered = |who: &str| State::Answered(Some(who.to_owned()));
    let (alice, bob) = (answered("@alice:localhost"), answered("@bob:localhost"));
    let again = State::WaitingAgain(None);
    let left = State::Left { answered: true };
    let ended = State::Ended { answered: true };
    for (shown, state, expected) in [
        (Some(State::Waiting), &alice, Change::FirstAnswer),
        (None, &alice, Change::FirstAnswer),
        (Some(alice.clone()), &bob, Change::Answer),
        (Some(again.clone()), &bob, Change::Answer),
        (Some(alice.clone()), &again, Change::Waiting),
        (Some(State::Waiting), &left, Change::Over),
        (Some(ended.clone()), &left, Change::Over),
        (Some(left.clone()), &alice, Change::Resumed),
        (Some(ended.clone()), &again, Change::Resumed),
    ] {
        let shown = Line {
            room_id: "!desk:localhost".to_owned(),
            event_id: Some("$line".to_owned()),
            is_over: shown.as_ref().is_some_and(State::is_over),
            shown: shown.map(|shown| line(shown).digest()),
            edits: 0,
            sending: None,
            rung: None,
        };
        assert_eq!(line(state.clone()).change(&shown), expected);
    }
}
