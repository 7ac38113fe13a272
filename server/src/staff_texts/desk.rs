//! The bot's texts at the desk, in the languages of the widget.

mod translations;

use std::time::Duration;

use super::{duration::Units, filled};
use crate::{
    config::StaffLanguage,
    storage::desk::{alerts::Kind, stats::Figures},
};

/// The maximum number of conversations or people in one alert.
const NAMED: usize = 10;

/// The sentences in one language. `{}` is a placeholder.
#[derive(Debug)]
pub(crate) struct DeskTexts {
    /// How conversations stand.
    pub(crate) states: States,
    /// Between such words and the name of a conversation.
    pub(crate) colon: &'static str,
    /// Behind such words: the website vouches for its visitor.
    pub(crate) verified: &'static str,
    /// The same: what the visitor thinks of the conversation.
    pub(crate) rated_good: &'static str,
    pub(crate) rated_bad: &'static str,
    /// `{}`: for how long.
    unanswered: &'static str,
    alerts: Alerts,
    /// The answers to `!open`.
    pub(crate) open: Open,
    /// `!away` without a time.
    pub(crate) away_usage: &'static str,
    /// `{}`: until when.
    away_until: &'static str,
    /// `!back` was carried out.
    pub(crate) back: &'static str,
    /// Nobody was away.
    pub(crate) not_away: &'static str,
    /// Over the figures of today.
    pub(crate) today: &'static str,
    /// Over those of seven days.
    pub(crate) seven_days: &'static str,
    /// `{}`: how many there were.
    conversations: &'static str,
    /// `{}` is the number of conversations without an answer.
    not_answered: &'static str,
    /// The first `{}` is the median, and the second the 95th percentile.
    first_answer: &'static str,
    /// The first `{}` is the number of good ratings, and the second that of bad ones.
    ratings: &'static str,
    /// The first `{}`: a command; the second: the code of the conversation.
    administered: &'static str,
    units: Units,
    /// The list of commands.
    pub(crate) help: &'static str,
}

/// The states of conversations. `{}` is the member of the staff who answered last.
#[derive(Debug)]
pub(crate) struct States {
    pub(crate) waiting: &'static str,
    pub(crate) answered: &'static str,
    pub(crate) answered_by: &'static str,
    pub(crate) waiting_again: &'static str,
    pub(crate) waiting_again_by: &'static str,
    pub(crate) left: &'static str,
    pub(crate) left_unanswered: &'static str,
    pub(crate) ended: &'static str,
    pub(crate) ended_unanswered: &'static str,
}

/// The alerts. `{}` is the list of people or conversations.
#[derive(Debug)]
struct Alerts {
    invitation: &'static str,
    nobody: &'static str,
    delivery: &'static str,
    mail: &'static str,
    quarantine: &'static str,
    /// A room whose conversation is not known.
    a_room: &'static str,
    /// The first `{}` lists some of them, and the second is the number of the others.
    more: &'static str,
}

/// The answers to `!open`.
#[derive(Debug)]
pub(crate) struct Open {
    /// Without a code.
    pub(crate) which: &'static str,
    /// `{}`: the code.
    unknown: &'static str,
    pub(crate) no_room: &'static str,
    pub(crate) bot_is_gone: &'static str,
    /// In front of the room's name, as the next two are.
    pub(crate) joined: &'static str,
    pub(crate) invited_before: &'static str,
    pub(crate) invited: &'static str,
    /// `{}`: the homeserver's reason.
    refused: &'static str,
    /// A room without a name.
    pub(crate) unnamed: &'static str,
}

impl Open {
    pub(crate) fn unknown(&self, code: &str) -> String {
        self.unknown.replace("{}", code)
    }

    pub(crate) fn refused(&self, errcode: &str) -> String {
        self.refused.replace("{}", errcode)
    }
}

impl DeskTexts {
    /// Those of this language.
    pub(crate) const fn of(language: StaffLanguage) -> &'static Self {
        match language {
            StaffLanguage::English => &translations::ENGLISH,
            StaffLanguage::German => &translations::GERMAN,
            StaffLanguage::French => &translations::FRENCH,
            StaffLanguage::Spanish => &translations::SPANISH,
            StaffLanguage::Ukrainian => &translations::UKRAINIAN,
            StaffLanguage::Arabic => &translations::ARABIC,
        }
    }

    /// That nobody answers, and since when, in front of a conversation's name.
    pub(crate) fn unanswered(&self, age: Duration) -> String {
        let unanswered = self.unanswered.replace("{}", &self.units.tell(age));
        ["@room ", &unanswered, self.colon].concat()
    }

    /// What is wrong, with whom or in which conversations.
    pub(crate) fn alert(&self, kind: Kind, subjects: &[&str]) -> String {
        let alerts = &self.alerts;
        let named: Vec<_> = subjects
            .iter()
            .take(NAMED)
            .map(|subject| {
                if subject.is_empty() {
                    alerts.a_room
                } else {
                    subject
                }
            })
            .collect();
        let named = named.join(", ");
        let all = match subjects.len().saturating_sub(NAMED) {
            0 => named,
            more => filled(alerts.more, [&named, &more.to_string()]),
        };
        let alert = match kind {
            Kind::Invitation => alerts.invitation,
            Kind::Nobody => alerts.nobody,
            Kind::Delivery => alerts.delivery,
            Kind::Mail => alerts.mail,
            Kind::Quarantine => alerts.quarantine,
        };
        alert.replace("{}", &all)
    }

    /// What an operator did to a conversation at the command line.
    pub(crate) fn administered(&self, command: &str, code: &str) -> String {
        filled(self.administered, [command, code])
    }

    /// Until when staff are away.
    pub(crate) fn away_until(&self, until: &str) -> String {
        self.away_until.replace("{}", until)
    }

    /// The figures of some time, which `period` names.
    pub(crate) fn figures(&self, period: &str, figures: Figures) -> String {
        let count = |text: &str, count: i64| text.replace("{}", &count.to_string());
        let mut parts = vec![
            count(self.conversations, figures.conversations),
            count(self.not_answered, figures.unanswered),
        ];
        if let (Some(median), Some(p95)) = (figures.median_seconds, figures.p95_seconds) {
            let duration = |seconds: f64| {
                let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
                self.units.tell(whole)
            };
            parts.push(filled(
                self.first_answer,
                [&duration(median), &duration(p95)],
            ));
        }
        if figures.good + figures.bad > 0 {
            let ratings = [figures.good, figures.bad].map(|count| count.to_string());
            parts.push(filled(self.ratings, ratings.each_ref().map(String::as_str)));
        }
        format!("{period} – {}", parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_place_for_what_is_filled_in_and_names_all_commands() {
        for language in StaffLanguage::ALL {
            let texts = DeskTexts::of(language);
            let States {
                answered_by,
                waiting_again_by,
                ..
            } = texts.states;
            let Alerts {
                invitation,
                nobody,
                delivery,
                quarantine,
                ..
            } = texts.alerts;
            for text in [
                answered_by,
                waiting_again_by,
                texts.unanswered,
                invitation,
                nobody,
                delivery,
                quarantine,
                texts.open.unknown,
                texts.open.refused,
                texts.away_until,
                texts.conversations,
                texts.not_answered,
            ] {
                assert_eq!(text.matches("{}").count(), 1, "{language:?}: {text}");
            }
            for text in [texts.alerts.more, texts.first_answer] {
                assert_eq!(text.matches("{}").count(), 2, "{language:?}: {text}");
            }
            for command in ["!open", "!away 14:00", "!back", "!stats", "!help"] {
                assert!(texts.help.contains(command), "{language:?}: {command}");
            }
        }
    }

    #[test]
    fn states_are_told_apart_in_every_language() {
        for language in StaffLanguage::ALL {
            let states = &DeskTexts::of(language).states;
            let all = [
                states.waiting,
                states.answered,
                states.waiting_again,
                states.left,
                states.left_unanswered,
                states.ended,
                states.ended_unanswered,
            ];
            let different: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(different.len(), all.len(), "{language:?}: {all:?}");
        }
    }

    #[test]
    fn many_conversations_are_told_of_in_one_message() {
        let texts = DeskTexts::of(StaffLanguage::English);
        let codes: Vec<_> = (0..12).map(|n| format!("K{n:03}")).collect();
        let codes: Vec<_> = codes.iter().map(String::as_str).collect();
        let text = texts.alert(Kind::Nobody, &codes);
        let all = "K000, K001, K002, K003, K004, K005, K006, K007, K008, K009 and 2 more.";
        assert!(text.contains(all), "{text}");
        let text = texts.alert(Kind::Quarantine, &["", "K7F2"]);
        assert!(text.contains(": a room, K7F2."), "{text}");
    }

    #[test]
    fn figures_are_said_in_words() {
        let figures = Figures {
            conversations: 12,
            unanswered: 1,
            median_seconds: Some(75.4),
            p95_seconds: Some(3_600.0),
            good: 0,
            bad: 0,
        };
        for (language, expected) in [
            (
                StaffLanguage::English,
                "Today – conversations: 12; unanswered: 1; first answer within 1m 15s (median), 1h (95th percentile)",
            ),
            (
                StaffLanguage::German,
                "Heute – Chats: 12; unbeantwortet: 1; erste Antwort nach 1\u{a0}Min. 15\u{a0}Sek. (Median), \
                 1\u{a0}Std. (95. Perzentil)",
            ),
        ] {
            let texts = DeskTexts::of(language);
            assert_eq!(texts.figures(texts.today, figures), expected);
        }
        let none = Figures {
            conversations: 0,
            unanswered: 0,
            median_seconds: None,
            p95_seconds: None,
            good: 3,
            bad: 1,
        };
        let texts = DeskTexts::of(StaffLanguage::English);
        let line = texts.figures(texts.seven_days, none);
        assert_eq!(
            line,
            "The last 7 days – conversations: 0; unanswered: 0; rated good: 3, bad: 1"
        );
    }

    #[test]
    fn the_time_without_an_answer_is_told_in_the_language() {
        let age = Duration::from_mins(65);
        let english = DeskTexts::of(StaffLanguage::English).unanswered(age);
        assert_eq!(english, "@room Unanswered for 1h 5m: ");
        let french = DeskTexts::of(StaffLanguage::French).unanswered(age);
        assert_eq!(
            french,
            "@room Sans réponse depuis 1\u{a0}h 5\u{a0}min\u{a0}: "
        );
    }
}
