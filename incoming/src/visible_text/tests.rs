//! Tests of what visitors see of texts of staff.

use proptest::prelude::*;

use super::*;
use crate::fuzzing::assert_visible;

static LOCALHOST: LazyLock<VisibleText> =
    LazyLock::new(|| VisibleText::on_homeserver_of("@supportbot:localhost"));

fn visible(text: &str) -> String {
    LOCALHOST.of(text)
}

fn visible_in_production(text: &str) -> String {
    VisibleText::on_homeserver_of("@supportbot:matrix.webdevelop.pro").of(text)
}

const EVENT: &str = "$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg";
const ROOM: &str = "!n8f893n9Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq";

#[test]
fn a_link_is_its_words_without_the_address() {
    for (text, expected) in [
        ("[Bob](https://matrix.to/#/@bob:localhost), hi", "Bob, hi"),
        ("[@bob:localhost](https://matrix.to/#/@bob:localhost)", "…"),
        ("[Bob](<https://matrix.to/#/@bob:localhost> \"Bob\")", "Bob"),
        ("[Bob](https://matrix.to/#/%40bob%3Alocalhost?via=x)", "Bob"),
        ("[Bob](matrix:u/bob:localhost?action=chat)", "Bob"),
        ("[](https://matrix.to/#/@bob:localhost)", "…"),
        (
            "[a [Bob](https://matrix.to/#/@b:x.org)](matrix:u/b:x.org)",
            "a Bob",
        ),
        ("see <https://matrix.to/#/#sales:localhost>!", "see …!"),
        (
            "(https://matrix.to/#/!a:localhost/$b?via=localhost&via=x.org)",
            "(…)",
        ),
        ("HTTPS://WWW.MATRIX.TO/#/@BOB:LOCALHOST", "…"),
        (
            "https://x.org/?to=https%3A%2F%2Fmatrix.to%2F%23%2F%40bob%3Alocalhost",
            "https://x.org/?to=…",
        ),
        ("matrix.to/#/@bob:localhost, or matrix.to", "…, or …"),
        ("web+matrix://localhost/roomid/abc:localhost", "…"),
        ("matrix://u/bob:example.org, ok", "…, ok"),
        ("MATRIX:///R/sales:x.org", "…"),
        ("matrix:/u/x", "…"),
        ("Matrix%3Au%2Fbob", "…"),
        ("[Bob](matrix://u/bob:localhost)", "Bob"),
    ] {
        assert_eq!(visible(text), expected, "{text}");
    }
}

#[test]
fn an_address_is_hidden_however_its_host_is_written() {
    for (text, expected) in [
        ("https://x@matrix.to/#/!a:x.org, ok", "…, ok"),
        ("https://x:y@matrix.to:443/#/#sales:x.org", "…"),
        ("https://matrix.to./#/#sales:x.org", "…"),
        ("https://matrix%2Eto/#/#sales:x.org", "…"),
        ("https://m%61trix.to/#/#sales:x.org", "…"),
        ("https://mat\u{ad}rix.to/#/#sales:x.org", "…"),
        ("https://ｍatrix。to/#/#sales:x.org", "…"),
        ("https:\\\\x@matrix.to\\#\\x", "https:\\\\…"),
        ("mat\u{ad}rix.to/#/x and (www.matrix.to./#/x)", "… and (…)"),
        ("[Bob](https://x@matrix.to./#/@bob:x.org), hi", "Bob, hi"),
        (
            "https://x.org/?to=https%3A%2F%2Fx%40matrix.to%2F%23%2Fx",
            "https://x.org/?to=…",
        ),
        ("See https://x@matrix.to. Bye", "See …. Bye"),
    ] {
        assert_eq!(visible(text), expected, "{text}");
    }
}

#[test]
fn an_id_that_was_typed_by_hand_is_hidden() {
    for (text, expected) in [
        ("ask @bob:localhost.", "ask …."),
        ("@bob:localhost:8448, @Bob:LOCALHOST", "…, …"),
        (
            "<@bob:localhost> (!abc:localhost) #sales:localhost $1abc:localhost",
            "<…> (…) … …",
        ),
        (
            "https://chat.localhost/#/room/!abc:localhost/x",
            "https://chat.localhost/#/room/…/x",
        ),
        (
            "https://chat.localhost/#/user/%40bob%3Alocalhost",
            "https://chat.localhost/#/user/…",
        ),
        ("@bob:matrix.org and !abc:matrix.org", "… and …"),
        ("@a:b.org@c:d.org", "……"),
        ("x@bob:localhost", "x…"),
        ("!rvv%3Avvvoom:localhost", "…"),
        ("@bob:x:localhost and !a%3Ab:c%3Alocalhost:8448", "… and …"),
        ("%40bob%3Ax%3Alocalhost", "…"),
        ("$a:b:localhost, #sales:eu:localhost", "…, …"),
    ] {
        assert_eq!(visible(text), expected, "{text}");
    }
    assert_eq!(visible(&format!("{EVENT}, {ROOM}.")), "…, ….");
    assert_eq!(visible(&EVENT.replacen('$', "%24", 1)), "…");
    let typed = "@ada:matrix.webdevelop.pro, #x:matrix.webdevelop.pro:8448";
    assert_eq!(visible_in_production(typed), "…, …");
}

#[test]
fn ordinary_text_stays_as_it_is() {
    for text in [
        "It is $5, #1 of our plans; @home you need nothing!",
        "Write to joe@example.org: it helps. Or mailto:joe@example.org?subject=a:b",
        "https://medium.com/@joe/a-post and https://user:secret@example.org:8080/x",
        "git@github.com:org/repo.git, npm i @scope/pkg:1.2.3 or @types/node:latest",
        "#main:hover { color: red } @media print:foo !important",
        "The matrix: a film. A matrix:sum is no address, nor is matrix.tools",
        "https://matrix.to.example.org/ and notmatrix.to and joe@matrix.to",
        "Write to mailto:joe@matrix.to?subject=x and 100%.to/x",
        "[our prices](https://example.org/#/prices), [x], (y)",
        "> <b>bold</b>\n\n> quoted by hand\n\nlocalhost:8080, http://localhost:8080/#a",
        "Wow!that:works @ 5:30, 10:15#3, a$b:c",
        "#general:matrix.org is public",
        "",
    ] {
        assert_eq!(visible(text), text);
    }
    let mail = "info@webdevelop.pro: see https://matrix.webdevelop.pro/";
    assert_eq!(visible_in_production(mail), mail);
}

#[test]
fn only_a_real_fallback_is_cut() {
    for (body, expected) in [
        (
            "> <@bob:localhost> one\n> two\n>\n\nYes.\n> kept",
            Some("Yes.\n> kept"),
        ),
        ("> * <@bob:localhost> waves\n\nHi.", Some("Hi.")),
        ("> <@bob:localhost> sent an image.\n\n", Some("")),
        ("> <b>bold</b>\n\nis how", None),
        ("> <@bob> is a name\n\nYes.", None),
        ("> quoted by hand\n\nYes.", None),
        ("> <@bob:localhost> no blank line\nYes.", None),
        ("> <@bob:localhost> alone", None),
        ("> <@bob\n:localhost> x\n\ny", None),
        ("Yes.", None),
    ] {
        assert_eq!(reply_without_fallback(body), expected, "{body:?}");
    }
}

#[test]
fn what_is_made_to_come_out_as_an_id_does_not() {
    assert_eq!(visible("@bob[:](matrix:u/x:y)localhost"), "…");
    let deep = format!(
        "{}x{}",
        "[".repeat(5_000),
        "](https://matrix.to/#/x)".repeat(5_000)
    );
    assert_visible(&visible(&deep));
    let chain = "@a:b.org".repeat(8_000);
    assert_eq!(visible(&chain), "…".repeat(8_000));
    let open = "@".repeat(30_000) + &"[".repeat(30_000);
    assert_eq!(visible(&open), open);
    for piece in [
        "%40a",
        "@a:localhost ",
        ":localhost",
        "@a%3Ab",
        "!a:b:localhost",
        "#a/:localhost",
    ] {
        let long = piece.repeat(65_000 / piece.len());
        assert_visible(&visible(&long));
        assert_visible(&visible(&(long + ":localhost")));
    }
}

/// Parts of ids and addresses, combined in any way.
fn bodies() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[ -~]{0,5}",
        prop_oneof![
            Just("@bob:localhost"),
            Just("@bob"),
            Just(":localhost"),
            Just("%3Alocalhost"),
            Just(":x"),
            Just("localhost"),
            Just("https://matrix.to/#/"),
            Just("matrix.to/"),
            Just("x@matrix.to"),
            Just("matrix%2Eto."),
            Just("mat\u{ad}rix.to/#/"),
            Just("matrix:u/"),
            Just("matrix:"),
            Just("["),
            Just("]("),
            Just(")"),
            Just("<"),
            Just(">"),
            Just("@"),
            Just(":"),
            Just("!"),
            Just("#"),
            Just(EVENT),
            Just(ROOM),
            Just("$"),
            Just("%40"),
            Just("%3A"),
            Just(" "),
            Just("\n"),
            Just("> <@bob:localhost> "),
            Just("…"),
            Just("\0"),
        ]
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// The host of `matrix.to` in one of the notations that browsers understand.
fn hosts() -> impl Strategy<Value = String> {
    let character = |at: usize, how: u8| {
        let character = char::from(b"matrix.to"[at]);
        match how {
            0 => character.to_ascii_uppercase().to_string(),
            1 => format!("%{:02x}", u32::from(character)),
            2 => format!("{character}\u{ad}"),
            3 => char::from_u32(u32::from(character) + 0xfee0)
                .unwrap()
                .to_string(),
            4 if character == '.' => "。".to_owned(),
            _ => character.to_string(),
        }
    };
    let host = prop::collection::vec(0..8_u8, 9).prop_map(move |how| {
        let characters = how.iter().enumerate().map(|(at, how)| character(at, *how));
        characters.collect::<String>()
    });
    let user = prop::sample::select(vec!["", "x@", "x:y@", "a(b@", "%40@", "é@", "x@y@"]);
    let end = prop::sample::select(vec!["", ".", ":443", ".:443"]);
    (user, host, end).prop_map(|(user, host, end)| format!("{user}{host}{end}"))
}

/// An address of `matrix.to`, with what may come before it.
fn addresses() -> impl Strategy<Value = String> {
    let before = prop::sample::select(vec![
        "",
        "see ",
        "(",
        "https://x.org/?u=",
        "é",
        "[a](",
        "**",
    ]);
    let scheme = prop::sample::select(vec!["https://", "HTTP://", "http:/", "https:\\\\"]);
    let path = prop::sample::select(vec!["/#/x", "/#/#sales:x.org", "#/x", "\\#/x", "/x?via=y"]);
    (before, scheme, hosts(), path)
        .prop_map(|(before, scheme, host, path)| [before, scheme, &host, path].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_spelling_of_the_host_gets_through(address in addresses(), words in "[a-z ,.]{0,5}") {
        let text = format!("{words} {address} {words}");
        let html = format!("{words} <a href=\"{address}\">{address}</a>");
        for text in [text, crate::formatted_text::Formatted::read(&html).text] {
            let text = visible(&text);
            assert_visible(&text);
            prop_assert!(text.contains('…'), "{}", text);
            prop_assert!(!text.contains("sales") && !text.contains("#/x"), "{}", text);
        }
    }

    #[test]
    fn no_text_names_anybody(body in bodies()) {
        let body = crate::bounds::storable_text(&body);
        let text = visible(&body);
        assert_visible(&text);
        prop_assert_eq!(visible(&text), text);
    }

    #[test]
    fn words_and_mail_addresses_stay(
        words in "[A-Za-z0-9 .,!?$#'-]{0,40}", mail in "[a-z.]{1,8}@[a-z]{1,8}\\.[a-z]{2,5}",
    ) {
        let body = format!("{words} {mail} {words}");
        prop_assert_eq!(visible(&body), body);
    }
}
