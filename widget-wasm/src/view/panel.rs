//! The elements of the panel.

use crate::texts;

/// An element of the panel, by its index in [`PANEL`].
#[derive(Clone, Copy)]
pub(super) enum Node {
    Panel,
    Header,
    Names,
    Title,
    Status,
    End,
    Sound,
    Close,
    Hello,
    HelloTitle,
    HelloText,
    Log,
    Typing,
    Newest,
    Said,
    Notice,
    Challenge,
    ChallengeText,
    Ended,
    Ending,
    Restart,
    Confirm,
    ConfirmText,
    Stay,
    Sure,
    Consent,
    Composer,
    Text,
    Send,
    Hint,
}

/// The description of an element: its id, its parent, its tag, the key of its text, and its
/// attributes. Attributes with words ([`WORDS`]) have keys, too.
pub(super) type Spec = (
    Node,
    Node,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// The attributes that contain words.
pub(super) const WORDS: [&str; 2] = ["aria-label", "placeholder"];

/// The panel. As a table it takes a third of the bytes of the calls that would build it.
pub(super) const PANEL: &[Spec] = &[
    (
        Node::Panel,
        Node::Panel,
        "dialog",
        "",
        &[
            ("class", "panel"),
            ("part", "panel"),
            ("role", "dialog"),
            ("aria-label", texts::PANEL),
            ("hidden", ""),
        ],
    ),
    (Node::Header, Node::Panel, "div", "", &[("class", "header")]),
    (Node::Names, Node::Header, "div", "", &[("class", "names")]),
    (Node::Title, Node::Names, "strong", texts::PANEL, &[]),
    (Node::Status, Node::Names, "span", texts::STATUS, &[]),
    (
        Node::End,
        Node::Header,
        "button",
        texts::END,
        &[("class", "end"), ("name", "end")],
    ),
    (
        Node::Sound,
        Node::Header,
        "button",
        "",
        &[
            ("class", "sound"),
            ("name", "sound"),
            ("aria-label", texts::SOUND),
        ],
    ),
    (
        Node::Close,
        Node::Header,
        "button",
        "",
        &[
            ("class", "close"),
            ("name", "close"),
            ("aria-label", texts::CLOSE),
        ],
    ),
    (Node::Hello, Node::Panel, "div", "", &[("class", "hello")]),
    (Node::HelloTitle, Node::Hello, "strong", "", &[]),
    (Node::HelloText, Node::Hello, "p", texts::HELLO_MORE, &[]),
    (
        Node::Log,
        Node::Panel,
        "div",
        "",
        &[
            ("class", "log"),
            ("role", "log"),
            ("aria-label", texts::CONVERSATION),
            // A line is announced when it is added, and not again when its delivery changes.
            ("aria-relevant", "additions"),
            // Makes the log scrollable with the keyboard.
            ("tabindex", "0"),
        ],
    ),
    (
        Node::Typing,
        Node::Panel,
        "p",
        "",
        &[("class", "typing"), ("role", "status")],
    ),
    (
        Node::Newest,
        Node::Panel,
        "button",
        "",
        &[("class", "newest"), ("name", "newest"), ("hidden", "")],
    ),
    (
        Node::Said,
        Node::Panel,
        "span",
        "",
        &[("class", "spoken"), ("role", "status")],
    ),
    (Node::Notice, Node::Panel, "div", "", &[("class", "notice")]),
    (
        Node::Challenge,
        Node::Panel,
        "div",
        "",
        &[("class", "challenge")],
    ),
    (
        Node::ChallengeText,
        Node::Challenge,
        "p",
        "",
        &[("role", "status")],
    ),
    (Node::Ended, Node::Panel, "div", "", &[("class", "ended")]),
    (Node::Ending, Node::Ended, "p", "", &[("role", "status")]),
    (
        Node::Restart,
        Node::Ended,
        "button",
        texts::RESTART,
        &[("class", "restart"), ("name", "restart")],
    ),
    (
        Node::Confirm,
        Node::Panel,
        "div",
        "",
        &[
            ("class", "confirm"),
            ("role", "group"),
            ("aria-label", texts::END_SURE),
            ("hidden", ""),
        ],
    ),
    (Node::ConfirmText, Node::Confirm, "p", texts::END_SURE, &[]),
    (
        Node::Stay,
        Node::Confirm,
        "button",
        texts::STAY,
        &[("name", "stay")],
    ),
    (
        Node::Sure,
        Node::Confirm,
        "button",
        texts::END,
        &[("name", "sure")],
    ),
    (
        Node::Consent,
        Node::Panel,
        "p",
        "",
        &[("class", "consent"), ("id", "consent"), ("dir", "auto")],
    ),
    (
        Node::Composer,
        Node::Panel,
        "div",
        "",
        &[("class", "composer")],
    ),
    (
        Node::Text,
        Node::Composer,
        "textarea",
        "",
        &[
            ("part", "composer"),
            ("rows", "1"),
            ("aria-label", texts::MESSAGE),
            ("aria-describedby", "consent hint"),
            ("enterkeyhint", "send"),
            ("placeholder", texts::PLACEHOLDER),
        ],
    ),
    (
        Node::Send,
        Node::Composer,
        "button",
        "",
        &[
            ("class", "send"),
            ("name", "send"),
            ("aria-label", texts::SEND),
        ],
    ),
    (
        Node::Hint,
        Node::Composer,
        "p",
        "",
        &[("class", "hint"), ("id", "hint")],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_of_the_panel_is_where_its_name_says_and_after_its_parent() {
        for (index, &(node, parent, ..)) in PANEL.iter().enumerate() {
            assert_eq!(node as usize, index);
            assert!(index == 0 || (parent as usize) < index, "{index}");
        }
    }

    #[test]
    fn every_element_of_the_panel_has_a_place() {
        assert_eq!(PANEL.len(), Node::Hint as usize + 1);
    }
}
