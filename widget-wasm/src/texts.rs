//! All texts of the widget, by the keys that `widget-wasm/locales` and the element's `messages`
//! use.

use crate::session::Ending;

pub(crate) const DIR: &str = "dir";

pub(crate) const PANEL: &str = "panel";
pub(crate) const STATUS: &str = "status";
/// The switch for the sound of replies.
pub(crate) const SOUND: &str = "sound";
pub(crate) const CLOSE: &str = "close";
pub(crate) const END: &str = "end";
pub(crate) const CONVERSATION: &str = "conversation";
pub(crate) const HELLO: &str = "hello";
pub(crate) const HELLO_MORE: &str = "hello_more";
pub(crate) const RESTORING: &str = "restoring";
pub(crate) const MESSAGE: &str = "message";
pub(crate) const PLACEHOLDER: &str = "placeholder";
pub(crate) const SEND: &str = "send";
pub(crate) const RETRY: &str = "retry";
pub(crate) const SEND_AGAIN: &str = "send_again";
/// The question before the conversation is ended, and the negative answer.
pub(crate) const END_SURE: &str = "end_sure";
pub(crate) const STAY: &str = "stay";
pub(crate) const RESTART: &str = "restart";

/// The heading of a challenge.
pub(crate) const CHALLENGE: &str = "challenge";

/// Names the author for screen readers, which cannot see on which side a message is.
pub(crate) const YOU: &str = "you";
pub(crate) const SUPPORT: &str = "support";

pub(crate) const SENDING: &str = "state_sending";
pub(crate) const SENT: &str = "state_sent";
pub(crate) const DELIVERED: &str = "state_delivered";
pub(crate) const SEEN: &str = "state_seen";
pub(crate) const UNSENT: &str = "state_unsent";
pub(crate) const UNDELIVERED: &str = "state_undelivered";
pub(crate) const EDITED: &str = "state_edited";
pub(crate) const REMOVED: &str = "removed";

/// Shown while staff are typing.
pub(crate) const TYPING: &str = "typing";

pub(crate) const TOO_LONG: &str = "message_too_long";
/// In place of what says that the text is in the composer.
pub(crate) const UNSENT_ABOVE: &str = "unsent_above";
pub(crate) const UNSENDABLE: &str = "unsendable";
/// Precedes a number.
pub(crate) const UNREAD: &str = "unread";
/// Precedes a time in minutes and seconds.
pub(crate) const WAIT: &str = "wait";

pub(crate) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Closed => "closed",
        Ending::Expired => "expired",
    }
}

#[cfg(test)]
mod tests {
    use crate::session::Trouble;

    use super::*;

    /// Texts that only JavaScript uses.
    const LANG: &str = "lang";
    const LAUNCHER: &str = "launcher";
    const LOAD_FAILED: &str = "load_failed";
    const TRY_AGAIN: &str = "try_again";

    const LOCALES: [(&str, &str); 6] = [
        ("ar", include_str!("../locales/ar.js")),
        ("de", include_str!("../locales/de.js")),
        ("en", include_str!("../locales/en.js")),
        ("es", include_str!("../locales/es.js")),
        ("fr", include_str!("../locales/fr.js")),
        ("uk", include_str!("../locales/uk.js")),
    ];

    /// Texts that only JavaScript uses, once the panel is loaded.
    const LATER: [(&str, &str); 6] = [
        ("ar", include_str!("../locales/later-ar.js")),
        ("de", include_str!("../locales/later-de.js")),
        ("en", include_str!("../locales/later-en.js")),
        ("es", include_str!("../locales/later-es.js")),
        ("fr", include_str!("../locales/later-fr.js")),
        ("uk", include_str!("../locales/later-uk.js")),
    ];

    /// The texts in a file by their keys.
    fn texts(file: &str) -> Vec<(&str, &str)> {
        let lines = file.lines().filter_map(|it| it.strip_prefix("  "));
        let texts = lines.filter_map(|line| line.split_once(':'));
        texts.filter(|(key, _)| !key.contains(['"', ' '])).collect()
    }

    /// The placeholders in a text, such as `{time}`.
    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter_map(|it| it.split('}').next())
            .collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn what_is_said_later_is_said_in_every_language_with_the_same_values() {
        let english = texts(LATER[2].1);
        assert!(english.len() > 20);
        for (name, file) in LATER {
            let said = texts(file);
            assert_eq!(said.len(), english.len(), "{name}");
            for ((key, text), (wanted, english)) in said.into_iter().zip(&english) {
                assert_eq!(key, *wanted, "{name}");
                assert_eq!(places(text), places(english), "{name}: {key}");
            }
        }
    }

    #[test]
    fn every_locale_says_everything_and_nothing_else() {
        let mut wanted = vec![
            LANG,
            DIR,
            LAUNCHER,
            LOAD_FAILED,
            PANEL,
            STATUS,
            SOUND,
            CLOSE,
            END,
            CONVERSATION,
            HELLO,
            HELLO_MORE,
            RESTORING,
            MESSAGE,
            PLACEHOLDER,
            SEND,
            RETRY,
            SEND_AGAIN,
            TRY_AGAIN,
            END_SURE,
            STAY,
            RESTART,
            CHALLENGE,
            YOU,
            SUPPORT,
            SENDING,
            SENT,
            DELIVERED,
            SEEN,
            TYPING,
            UNSENT,
            UNDELIVERED,
            EDITED,
            REMOVED,
            UNSENT_ABOVE,
            UNSENDABLE,
            UNREAD,
            WAIT,
            ending(Ending::Closed),
            ending(Ending::Expired),
        ];
        wanted.extend(Trouble::ALL.map(Trouble::code));
        wanted.sort_unstable();
        for (name, file) in LOCALES {
            let mut said: Vec<&str> = texts(file).into_iter().map(|(key, _)| key).collect();
            said.sort_unstable();
            assert_eq!(said, wanted, "{name}");
            assert!(file.contains(&format!("  lang: \"{name}\",")), "{name}");
        }
    }

    /// The package declares the codes of the event `support-chat-error` as a type.
    #[test]
    fn the_package_has_the_code_of_every_trouble() {
        let types = include_str!("../package/index.d.ts");
        let (_, codes) = types.split_once("MatrixSupportChatErrorCode =").unwrap();
        let (codes, _) = codes.split_once(';').unwrap();
        let mut declared: Vec<&str> = codes.split('"').skip(1).step_by(2).collect();
        let mut known = vec![LOAD_FAILED];
        known.extend(Trouble::ALL.map(Trouble::code));
        declared.sort_unstable();
        known.sort_unstable();
        assert_eq!(declared, known);
    }

    /// The launcher has its name before any locale is loaded.
    #[test]
    fn the_launcher_has_the_same_name_before_and_after() {
        let launcher = include_str!("../js/element.js");
        for (name, file) in LOCALES {
            let label = file.lines().find_map(|it| it.strip_prefix("  launcher: "));
            let label = label.unwrap().trim_end_matches(',');
            let before = format!("  {name}: {label},");
            assert!(launcher.contains(&before), "{name}: {label}");
        }
    }
}
