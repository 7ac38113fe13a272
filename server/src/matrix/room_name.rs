//! The name of a conversation's room.
//!
//! A room list shows some 24 characters, so the parts that tell a conversation apart come first: the visitor's name, or
//! the first words of their first message. The site and the page follow, and last a unique code. The parts are joined
//! by ` · `, and a `✓ ` in front says that the conversation has ended. No part contains these characters or others that
//! look like them, so no visitor can write a name that says something else.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::Regex;
use unicode_segmentation::UnicodeSegmentation;
use url::Url;

/// Comes before the name of a room whose conversation has ended.
const ENDED: &str = "✓ ";

/// The lengths, in characters as readers count them, of the visitor's name, of their first words, of the host and of
/// the path.
const NAME: usize = 40;
const WORDS: usize = 20;
const HOST: usize = 40;
const PATH: usize = 40;
/// The most bytes of a part, since a single character may have any number of accents.
const PART_BYTES: usize = 240;
/// The number of bytes of a text that are considered.
const LOOKED_AT: usize = 4_096;

/// Invisible characters, and those without a meaning of their own.
static UNSEEN: LazyLock<Regex> =
    LazyLock::new(|| constant(r"[\p{Cf}\p{Co}\p{Default_Ignorable_Code_Point}]"));
/// White space, line breaks of every kind, control characters, and check marks.
static BLANK: LazyLock<Regex> =
    LazyLock::new(|| constant(r"[\s\p{Cc}\p{Zl}\p{Zp}\p{Zs}\x{2800}✓✔☑✅√⍻🗸🗹🮱]+"));
/// Dots in the middle of a line.
static DOT: LazyLock<Regex> = LazyLock::new(|| constant(r"[·•‣‧∘∙⋅⸰⸱⸳・･ꞏ᛫◦●⚫𐄁\x{387}]"));
/// Quotation marks like those around the first words.
static QUOTE: LazyLock<Regex> = LazyLock::new(|| constant("[“”„‟\"＂]"));
/// Accents, which would combine with the character before them.
static ACCENTS: LazyLock<Regex> = LazyLock::new(|| constant(r"^[\p{M}\s]+"));

#[expect(clippy::expect_used, reason = "the patterns are constants")]
fn constant(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a regular expression")
}

/// The data for a room's name.
pub(crate) use crate::storage::sessions::Naming as Name;

/// The name: `Ada · webdevelop.biz/pricing · K7F2`.
pub(crate) fn of(name: &Name) -> String {
    let who = name
        .visitor_name
        .as_deref()
        .and_then(|name| cut(&one_line(name), NAME))
        .map(|who| {
            // Only the bot says that somebody is verified: where a visitor does, it reads as their words.
            let claims = !name.is_verified && who.to_lowercase().contains("verified");
            if claims { format!("“{who}”") } else { who }
        })
        .or_else(|| {
            let words = first_words(&one_line(name.first_message.as_deref()?))?;
            Some(format!("“{words}”"))
        })
        .unwrap_or_else(|| "Visitor".to_owned());
    let place = place(name.source_url.as_deref());
    let room = match name.rooms_before {
        0 => String::new(),
        before => format!(" ({})", before + 1),
    };
    format!("{who} · {place}{room}{}", end_of_name(&name.code))
}

/// How the names of a conversation's rooms end, as the bot gives them.
pub(crate) fn end_of_name(code: &str) -> String {
    format!(" · {code}")
}

/// The name that a room should have, given its current name, whoever has set that.
pub(crate) fn marked(name: &str, has_ended: bool) -> String {
    let unmarked = name.strip_prefix(ENDED).unwrap_or(name);
    let mark = if has_ended { ENDED } else { "" };
    format!("{mark}{unmarked}")
}

/// Whether the name without its mark is empty, so that the room needs the bot's name.
pub(crate) fn is_lacking(name: &str) -> bool {
    one_line(name.strip_prefix(ENDED).unwrap_or(name)).is_empty()
}

/// `webdevelop.biz/pricing`
fn place(source_url: Option<&str>) -> String {
    let url = source_url.and_then(|url| Url::parse(url).ok());
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let host = match host.strip_prefix("www.") {
        Some(rest) if !rest.is_empty() => rest,
        _ => host,
    };
    let Some(host) = cut(&one_line(host), HOST) else {
        return "website".to_owned();
    };
    let path = url.as_ref().map_or("", Url::path).trim_matches('/');
    // Bytes that are not text stay as they are in the address.
    let path = percent_decode_str(path)
        .decode_utf8()
        .unwrap_or_else(|_| path.into());
    match cut(&one_line(&path), PATH) {
        Some(path) => format!("{host}/{path}"),
        None => host,
    }
}

/// The text on one line, without invisible characters and without those that have a meaning in a name.
fn one_line(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(LOOKED_AT)];
    let text = BLANK.replace_all(text, " ");
    let text = UNSEEN.replace_all(&text, "");
    let text = DOT.replace_all(&text, ".");
    let text = QUOTE.replace_all(&text, "'");
    let words: Vec<_> = text.split_whitespace().collect();
    ACCENTS.replace(&words.join(" "), "").trim().to_owned()
}

/// As many whole words as fit, or the beginning of the first one.
fn first_words(line: &str) -> Option<String> {
    let fits = |text: &str| text.graphemes(true).count() <= WORDS && text.len() <= PART_BYTES;
    if fits(line) {
        return cut(line, WORDS);
    }
    let ends = line.match_indices(' ').map(|(end, _)| &line[..end]);
    match ends.take_while(|words| fits(words)).last() {
        Some(words) => Some(format!("{words}…")),
        None => cut(line, WORDS),
    }
}

/// At most this many characters, as readers count them; `None` when nothing is left.
fn cut(line: &str, characters: usize) -> Option<String> {
    let mut kept = 0;
    for (n, (start, character)) in line.grapheme_indices(true).enumerate() {
        let end = start + character.len();
        if n == characters || end > PART_BYTES {
            let kept = line[..kept].trim_end();
            return (!kept.is_empty()).then(|| format!("{kept}…"));
        }
        kept = end;
    }
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(visitor_name: Option<&str>, first_message: &str, source_url: Option<&str>) -> String {
        of(&Name {
            visitor_name: visitor_name.map(str::to_owned),
            is_verified: false,
            first_message: Some(first_message.to_owned()),
            source_url: source_url.map(str::to_owned),
            code: "K7F2".to_owned(),
            rooms_before: 0,
        })
    }

    #[test]
    fn a_name_has_the_visitor_the_page_and_the_code() {
        let pricing = Some("https://www.webdevelop.biz/pricing/?q=1#top");
        let words = "How much is a website for a small shop?";
        for (visitor_name, source_url, expected) in [
            (Some("Ada"), pricing, "Ada · webdevelop.biz/pricing · K7F2"),
            (
                None,
                Some("https://webdevelop.biz:8443/"),
                "“How much is a…” · webdevelop.biz · K7F2",
            ),
            (
                Some(" \u{2800} "),
                None,
                "“How much is a…” · website · K7F2",
            ),
            (
                Some("Ada"),
                Some("https://www.example.com/preise/gr%C3%B6%C3%9Fe%FF"),
                "Ada · example.com/preise/gr%C3%B6%C3%9Fe%FF · K7F2",
            ),
            (
                Some("Ada"),
                Some("https://www.example.com/preise/gr%C3%B6%C3%9Fe"),
                "Ada · example.com/preise/größe · K7F2",
            ),
            (Some("Ada"), Some("https://www./"), "Ada · www. · K7F2"),
        ] {
            assert_eq!(name(visitor_name, words, source_url), expected);
        }
    }

    #[test]
    fn first_words_are_whole_where_one_fits() {
        for (message, expected) in [
            ("Hello", "“Hello”"),
            (
                "Hello\r\n\r\nthere, I have a question",
                "“Hello there, I have…”",
            ),
            (
                "Donaudampfschifffahrtsgesellschaft",
                "“Donaudampfschifffahr…”",
            ),
            ("\u{200b}\u{202e}", "Visitor"),
            ("say \"hi\"", "“say 'hi'”"),
        ] {
            assert_eq!(
                name(None, message, None),
                format!("{expected} · website · K7F2")
            );
        }
    }

    #[test]
    fn no_name_of_a_visitor_says_something_else() {
        for (visitor_name, expected) in [
            ("✓ Ada · x · K7F2", "Ada . x . K7F2"),
            ("✔\u{fe0f} Ada • x ・ K7F2", "Ada . x . K7F2"),
            ("A\u{200d}d\u{202e}a\u{2028}Byron", "Ada Byron"),
            ("“Ada”", "'Ada'"),
            ("Ada ✓ Verified", "“Ada Verified”"),
            ("\u{301}Ada", "Ada"),
        ] {
            assert_eq!(
                name(Some(visitor_name), "Hello", None),
                format!("{expected} · website · K7F2")
            );
        }
    }

    #[test]
    fn a_family_of_code_points_is_one_character() {
        let flags = "🇩🇪".repeat(60);
        let cut = name(Some(&flags), "Hello", None);
        assert_eq!(cut, format!("{}… · website · K7F2", "🇩🇪".repeat(30)));
        let accents = format!("a{}", "\u{301}".repeat(400));
        assert_eq!(
            name(Some(&accents), "Hello", None),
            "“Hello” · website · K7F2"
        );
    }

    #[test]
    fn names_of_any_script_and_length_leave_the_code_where_it_is() {
        for (visitor_name, expected) in [
            ("🎉🎉", "🎉🎉"),
            ("👩\u{1f3fd}", "👩\u{1f3fd}"),
            ("عادل", "عادل"),
            ("\u{202b}עדה\u{202c}", "עדה"),
            ("\u{2067}Ada\u{2069}", "Ada"),
            ("李 小龙", "李 小龙"),
        ] {
            let expected = format!("{expected} · website · K7F2");
            assert_eq!(name(Some(visitor_name), "Hello", None), expected);
        }
        for letter in ["x", "ж", "ع", "🎉"] {
            let expected = format!("{}… · website · K7F2", letter.repeat(40));
            assert_eq!(name(Some(&letter.repeat(300)), "Hello", None), expected);
        }
    }

    #[test]
    fn a_further_room_of_a_conversation_has_a_name_of_its_own() {
        let name = Name {
            visitor_name: Some("Ada".to_owned()),
            is_verified: true,
            first_message: None,
            source_url: None,
            code: "K7F2".to_owned(),
            rooms_before: 1,
        };
        assert_eq!(of(&name), "Ada · website (2) · K7F2");
    }

    #[test]
    fn the_mark_comes_and_goes_in_front_of_any_name() {
        for name in [
            "Ada · website · K7F2",
            "Invoice 12, urgent",
            "Website chat - 2026-05-23",
            "",
            "✓",
        ] {
            let ended = marked(name, true);
            assert_eq!(ended, format!("✓ {name}"));
            assert_eq!(marked(&ended, true), ended);
            assert_eq!(marked(&ended, false), name);
            assert_eq!(marked(name, false), name);
        }
    }

    #[test]
    fn a_name_that_nobody_can_read_is_none() {
        for name in ["", "✓ ", " \u{200b}\n", "✓ \u{2800}"] {
            assert!(is_lacking(name), "{name:?}");
        }
        assert!(!is_lacking("✓ VIP Ada"));
    }

    /// A random text with many of the special characters.
    fn words() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            "[a-z ]{0,30}",
            prop::sample::select(vec![
                " · ",
                "·",
                "•",
                "✓ ",
                "✔",
                "“",
                "”",
                "\"",
                "\n",
                "\r\n",
                "\u{85}",
                "\u{2028}",
                "\u{202e}",
                "\u{2066}",
                "\u{200b}",
                "\u{200d}",
                "\u{feff}",
                "\u{ad}",
                "\u{301}",
                "\u{20e3}",
                "🇩🇪",
                "👩‍👩‍👧",
                "\u{3164}",
                "\u{0}",
                "K7F2",
                "/",
                "%20",
                "%C2%B7",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn whatever_a_visitor_writes_a_name_has_its_form(
            visitor_name in prop::option::of(words()), first_message in words(), page in words(), rooms_before in 0..3_i64,
        ) {
            let parts = Name {
                visitor_name,
                is_verified: false,
                first_message: Some(first_message),
                source_url: Some(format!("https://www.example.com/{page}")),
                code: "K7F2".to_owned(),
                rooms_before,
            };
            let name = of(&parts);
            prop_assert!(name.ends_with(" · K7F2"), "{name}");
            prop_assert_eq!(name.matches('·').count(), 2, "{}", name);
            prop_assert_eq!(name.split(" · ").count(), 3, "{}", name);
            prop_assert!(!name.contains(['✓', '✔', '\n']) && !UNSEEN.is_match(&name), "{:?}", name);
            prop_assert!(!name.chars().any(char::is_control), "{:?}", name);
            prop_assert!(!name.contains("  ") && name.trim() == name, "{:?}", name);
            prop_assert!(name.len() <= 3 * PART_BYTES + 64, "{}", name.len());
            prop_assert!(name.graphemes(true).count() <= NAME + HOST + PATH + 24, "{}", name);
            // Only the code tells these two apart.
            let other = of(&Name { code: "3QX9".to_owned(), ..parts });
            prop_assert_ne!(name, other);
        }
    }
}
