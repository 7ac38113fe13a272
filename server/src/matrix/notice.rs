//! Notices: the bot's own messages in a room, and other people's words in them.
//!
//! Staff must be able to tell the two apart, whatever a visitor writes. Every line of other people's words begins with
//! `> ` in `body` and is in a `<blockquote>` in `formatted_body`, and characters that could break a line or change the
//! reading direction are made visible.

use serde_json::{Value, json};

use crate::{storage::matrix_events::Addressee, unseen_characters::shown};

/// A message of the bot, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notice {
    body: String,
    html: String,
}

impl Notice {
    /// A notice in the bot's own words.
    pub(crate) fn new(line: &str) -> Self {
        let mut notice = Self::default();
        notice.say(line);
        notice
    }

    /// Adds a line of the bot's own.
    pub(super) fn say(&mut self, line: &str) {
        let line = shown(line).replace('\n', "‹U+000A›");
        self.begin_line();
        self.body.push_str(&line);
        self.html.push_str("<p>");
        push_escaped(&mut self.html, &line);
        self.html.push_str("</p>");
    }

    /// Adds a line of the bot's own that ends with a link.
    pub(super) fn say_linked(&mut self, line: &str, linked: &str, address: &str) {
        let [line, linked] = [line, linked].map(|text| shown(text).replace('\n', "‹U+000A›"));
        self.begin_line();
        self.body.push_str(&line);
        self.body.push_str(&linked);
        self.html.push_str("<p>");
        push_escaped(&mut self.html, &line);
        self.html.push_str("<a href=\"");
        push_escaped(&mut self.html, address);
        self.html.push_str("\">");
        push_escaped(&mut self.html, &linked);
        self.html.push_str("</a></p>");
    }

    /// Adds another person's words.
    pub(super) fn quote(&mut self, words: &str) {
        let words = shown(words);
        self.html.push_str("<blockquote>");
        for (n, line) in words.split('\n').enumerate() {
            self.begin_line();
            self.body.push_str("> ");
            self.body.push_str(line);
            if n > 0 {
                self.html.push_str("<br>");
            }
            push_escaped(&mut self.html, line);
        }
        self.html.push_str("</blockquote>");
    }

    /// Adds another part, after an empty line.
    pub(super) fn append(&mut self, part: &Self) {
        if !self.body.is_empty() && !part.body.is_empty() {
            self.body.push_str("\n\n");
        }
        self.body.push_str(&part.body);
        self.html.push_str(&part.html);
    }

    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// The size that it takes in an event.
    pub(super) fn json_bytes(&self) -> usize {
        json_bytes(&self.body) + json_bytes(&self.html)
    }

    /// The content of its `m.room.message`. It mentions nobody, whatever it quotes.
    pub(crate) fn content(&self) -> Value {
        json!({
            "msgtype": "m.notice",
            "body": self.body,
            "format": "org.matrix.custom.html",
            "formatted_body": self.html,
            "m.mentions": {},
        })
    }

    /// The content of an `m.room.message` that replaces the bot's own event `event_id` with this notice.
    pub(super) fn edit_of(&self, event_id: &str) -> Value {
        let new = self.content();
        let mut edit = new.clone();
        // Clients that do not know edits show this.
        edit["body"] = json!(format!("* {}", self.body));
        edit["formatted_body"] = json!(format!("* {}", self.html));
        edit["m.new_content"] = new;
        edit["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": event_id });
        edit
    }

    fn begin_line(&mut self) {
        if !self.body.is_empty() {
            self.body.push('\n');
        }
    }
}

/// The content of an answer to an event, which notifies the event's sender. It is a text like those of the visitor,
/// which never answer anything.
pub(crate) fn answer(event_id: &str, to: &Addressee, text: &str) -> Value {
    let mut relation = json!({ "m.in_reply_to": { "event_id": event_id } });
    if let Some(root) = &to.thread_root {
        relation["rel_type"] = json!("m.thread");
        relation["event_id"] = json!(root);
        relation["is_falling_back"] = json!(false);
    }
    json!({
        "msgtype": "m.text",
        "body": text,
        "m.mentions": { "user_ids": to.sender.as_slice() },
        "m.relates_to": relation,
    })
}

fn json_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(text.len(), |json| json.len())
}

fn push_escaped(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::unseen_characters::is_unseen;

    #[test]
    fn a_quotation_is_told_apart_line_by_line_in_both_forms() {
        let mut notice = Notice::new("Visitor:");
        notice.quote("Hi\r\n\r<b>\u{202e}there\u{2028}\u{85}\ttab");
        assert_eq!(
            notice.content(),
            json!({
                "msgtype": "m.notice",
                "body": "Visitor:\n> Hi\n> \n> <b>‹U+202E›there‹U+2028›‹U+0085›\ttab",
                "format": "org.matrix.custom.html",
                "formatted_body": "<p>Visitor:</p><blockquote>Hi<br><br>&lt;b&gt;‹U+202E›there\
                                   ‹U+2028›‹U+0085›\ttab</blockquote>",
                "m.mentions": {},
            })
        );
    }

    #[test]
    fn a_link_is_a_line_of_its_own_whatever_it_is_called() {
        let mut notice = Notice::default();
        notice.say_linked("Waiting: ", "<b>Ada\n", "https://matrix.to/#/!a:b?via=\"b");
        assert_eq!(notice.body(), "Waiting: <b>Ada‹U+000A›");
        assert_eq!(
            notice.html,
            "<p>Waiting: <a href=\"https://matrix.to/#/!a:b?via=&quot;b\">&lt;b&gt;Ada‹U+000A›</a></p>"
        );
    }

    #[test]
    fn an_answer_refers_to_its_event_and_mentions_its_sender() {
        let mut to = Addressee {
            sender: Some("@alice:localhost".to_owned()),
            thread_root: None,
        };
        let content = answer("$e", &to, "Not shown.");
        assert_eq!(
            content,
            json!({
                "msgtype": "m.text", "body": "Not shown.", "m.mentions": {"user_ids": ["@alice:localhost"]},
                "m.relates_to": {"m.in_reply_to": {"event_id": "$e"}},
            })
        );
        to.thread_root = Some("$root".to_owned());
        assert_eq!(
            answer("$e", &to, "Not shown.")["m.relates_to"],
            json!({
                "rel_type": "m.thread", "event_id": "$root", "is_falling_back": false,
                "m.in_reply_to": {"event_id": "$e"},
            })
        );
    }

    #[test]
    fn a_line_of_the_bot_s_own_stays_one_line() {
        assert_eq!(Notice::new("a\nb\u{202e}").body(), "a‹U+000A›b‹U+202E›");
    }

    /// A random text with many of the special characters.
    fn words() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            prop::sample::select(vec![
                "\n",
                "\r",
                "\r\n",
                "\n\n",
                "\u{85}",
                "\u{2028}",
                "\u{202e}",
                "\u{2067}",
                "\u{200f}",
                "> ",
                "<",
                "</blockquote>",
                "<p>",
                "&lt;",
                "\"",
                "'",
                "Visitor:",
                "\u{b}",
                "\u{c}",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_words_get_out_of_their_quotation(words in words()) {
            let mut notice = Notice::new("Before");
            notice.quote(&words);
            notice.say("After");
            let lines: Vec<_> = notice.body.split(|c: char| c == '\n' || is_unseen(c) && c != '\t').collect();
            prop_assert_eq!((lines[0], lines[lines.len() - 1]), ("Before", "After"));
            let quoted = &lines[1..lines.len() - 1];
            prop_assert!(quoted.iter().all(|line| line.starts_with("> ")), "{:?}", lines);
            let html = notice.html.strip_prefix("<p>Before</p><blockquote>").unwrap();
            let html = html.strip_suffix("</blockquote><p>After</p>").unwrap();
            prop_assert!(!html.replace("<br>", "").contains(['<', '>', '"', '\'']), "{}", html);
            prop_assert_eq!(html.matches("<br>").count() + 1, quoted.len());
        }
    }
}
