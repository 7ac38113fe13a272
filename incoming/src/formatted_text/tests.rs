use proptest::prelude::*;

use super::*;
use crate::bounds::MAX_TEXT_BYTES;

fn text(html: &str) -> String {
    Formatted::read(html).text
}

#[test]
fn inline_markup_leaves_its_words() {
    for (html, expected) in [
        (
            "<strong>bold</strong> <em>it</em>, <del>gone</del> <u>u</u>",
            "bold it, ~~gone~~ u",
        ),
        (
            "a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#x27; &nbsp;",
            "a & b <c> \"d\" 'e'",
        ),
        (
            "one<br>two<br/>three<br><br>four",
            "one\ntwo\nthree\n\nfour",
        ),
        ("run <code>cargo  test</code> now", "run cargo  test now"),
        ("<span data-mx-spoiler=\"why\">the end</span>", "the end"),
        (
            "<img src=\"mxc://x/y\" alt=\":party:\" data-mx-emoticon> hi",
            ":party: hi",
        ),
        ("<img src=\"mxc://x/y\" title=\"a cat\">", "a cat"),
        ("  white\n space   is one  ", "white space is one"),
        ("<font color=\"red\">red</font><sup>2</sup>", "red^2"),
        ("<script>alert('<b>')</script><style>p{}</style>x", "x"),
        ("a<!-- b -->c<![CDATA[d]]>", "ac"),
        ("5 < 6 & 7 > 3 &unknown; &", "5 < 6 & 7 > 3 &unknown; &"),
        ("", ""),
        ("<p></p><br>", ""),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn words_keep_what_they_mean_by_how_they_look() {
    for (html, expected) in [
        ("10<sup>6</sup> a", "10^6 a"),
        ("10<sup>-3</sup>, x<sup>n + 1</sup>", "10^-3, x^(n + 1)"),
        ("the 1<sup>st</sup>, Web<sup>TM</sup>", "the 1st, WebTM"),
        (
            "H<sub>2</sub>O, log<sub>2</sub>8, x<sub>max</sub>",
            "H₂O, log₂8, x_max",
        ),
        ("2<sup>2<sup>3</sup></sup>", "2^(2^3)"),
        ("<del>$50</del> $40", "~~$50~~ $40"),
        ("<s>$50</s><strike> $45 </strike>$40", "~~$50~~ ~~$45~~ $40"),
        ("<del>a <del>b</del> c", "~~a b c~~"),
        ("<del></del>a<del> </del>b<sup></sup>", "a b"),
        (
            "<del><a href=\"https://x.org\">now</a></del>",
            "~~now (https://x.org)~~",
        ),
        (
            "<sup><a href=\"https://x.org\">a b</sup> c</a>",
            "^(a b) c (https://x.org)",
        ),
        (
            "<ul><li><input type=\"checkbox\" disabled checked>milk</li><li><input type=\"checkbox\"> eggs</li></ul>",
            "- [x] milk\n- [ ] eggs",
        ),
        ("<input type=RADIO checked>a <input>", "(x) a"),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn a_link_is_its_words_and_its_address() {
    for (html, expected) in [
        (
            "<a href=\"https://x.org/a\">our prices</a>!",
            "our prices (https://x.org/a)!",
        ),
        (
            "<a href=\"https://x.org/\">https://x.org</a>",
            "https://x.org",
        ),
        ("<a href=\"mailto:joe@x.org\">joe@x.org</a>", "joe@x.org"),
        (
            "<a href=\"https://x.org\"><b>a</b> <i>b</i></a> c",
            "a b (https://x.org) c",
        ),
        ("<a href=\"https://x.org\"></a>", "https://x.org"),
        (
            "<a href=\"https://ok.example/a b\">c</a>",
            "c (https://ok.example/a%20b)",
        ),
        (
            "<a href=\" https://ok.example/\n<é\u{3000}>\">c</a>",
            "c (https://ok.example/%3Cé%E3%80%80%3E)",
        ),
        ("<a href=\"https://x@matrix%2Eto./#/!a:x.org\">c</a>", "c"),
        ("<a href=\"javascript:alert(1)\">x</a>", "x"),
        ("<a href=\"/prices\">x</a> <a>y</a>", "x y"),
        (
            "<a href=\"https://matrix.to/#/@bob:localhost\">Bob</a>: hi",
            "Bob: hi",
        ),
        (
            "<a href=\"matrix:r/sales:localhost\">the room</a>",
            "the room",
        ),
        (
            "<a href=\"https://x.org\">one <a href=\"https://y.org\">two</a>",
            "one (https://x.org) two (https://y.org)",
        ),
        (
            "<a href=\"https://x.org\">never closed",
            "never closed (https://x.org)",
        ),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn blocks_are_lines() {
    for (html, expected) in [
        ("<p>one</p>\n<p>two</p>\n", "one\n\ntwo"),
        ("<h1>Title</h1>\n<p>text</p>", "Title\n\ntext"),
        (
            "<p>See:</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<p>ok</p>",
            "See:\n- a\n- b\n\nok",
        ),
        (
            "<ol start=\"3\"><li>a</li><li>b<ul><li>c</li></ul></li></ol>",
            "3. a\n4. b\n   - c",
        ),
        ("<ul><li><p>a</p></li><li><p>b</p></li></ul>", "- a\n- b"),
        ("<ul><li>a<li>b</ul>c", "- a\n- b\nc"),
        (
            "<blockquote>\n<p>one<br>two</p>\n<p>three</p>\n</blockquote>\nyes",
            "> one\n> two\n>\n> three\n\nyes",
        ),
        (
            "x<blockquote>a<blockquote>b</blockquote></blockquote>",
            "x\n\n> a\n>\n> > b",
        ),
        (
            "<pre><code class=\"language-rust\">fn main() {\n    x();\n\n}\n</code></pre>\n<p>ok</p>",
            "fn main() {\n    x();\n\n}\n\nok",
        ),
        ("<pre>\na\n</pre>", "a"),
        ("a<hr>b", "a\n———\nb"),
        (
            "<table><thead><tr><th>Plan</th><th>Price</th></tr></thead><tbody><tr><td>A</td><td>$5</td></tr></tbody></table>",
            "Plan | Price\nA | $5",
        ),
        (
            "<details><summary>More</summary>text</details>",
            "More\ntext",
        ),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("</ul></blockquote></li>x</p>", "x"),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn the_fallback_of_a_reply_is_no_part_of_it() {
    let html = "<mx-reply><blockquote><a href=\"https://matrix.to/#/!r:localhost/$e\">In reply to</a> \
                <a href=\"https://matrix.to/#/@bob:localhost\">@bob:localhost</a><br>How much?</blockquote>\
                </mx-reply>It is <b>$5</b>";
    assert_eq!(
        Formatted::read(html),
        Formatted {
            text: "It is $5".to_owned(),
            users: Vec::new()
        }
    );
    assert_eq!(text("<mx-reply>never closed"), "");
}

#[test]
fn links_to_users_are_found_however_they_are_written() {
    for (href, user) in [
        ("https://matrix.to/#/@bob:localhost", Some("@bob:localhost")),
        (
            "https://matrix.to/#/%40Bob%3Alocalhost?via=x",
            Some("@Bob:localhost"),
        ),
        (
            "HTTPS://MATRIX.TO/#/@bob:localhost/x",
            Some("@bob:localhost"),
        ),
        ("matrix:u/bob:localhost?action=chat", Some("@bob:localhost")),
        (
            "web+matrix://x.org/user/bob:localhost",
            Some("@bob:localhost"),
        ),
        (
            "https://chat.x.org/#/user/@bob:localhost",
            Some("@bob:localhost"),
        ),
        (
            "https://x:y@MATRIX%2eto.:443/#/@bob:localhost",
            Some("@bob:localhost"),
        ),
        (
            "https://ma\u{ad}trix.to/%40bob:localhost",
            Some("@bob:localhost"),
        ),
        (
            "https://portal.example/?u=https://matrix.to/#/@alice:localhost",
            None,
        ),
        (
            "https://portal.example/?u=https%3A%2F%2Fmatrix.to%2F%23%2F%40alice%3Alocalhost",
            None,
        ),
        ("https://portal.example/?u=matrix:u/alice:localhost", None),
        (
            "https://portal.example/?u=https://chat.x.org/#/user/@bob:localhost",
            None,
        ),
        ("https://portal.example/#/user/joe", None),
        ("https://matrix.to/#/#sales:localhost", None),
        ("https://matrix.to/#/!room:localhost/$e", None),
        ("matrix:r/sales:localhost", None),
        ("https://x.org/@bob:localhost", None),
    ] {
        let html = format!("<a href=\"{href}\">x</a>");
        let expected: Vec<_> = user.into_iter().map(str::to_owned).collect();
        assert_eq!(Formatted::read(&html).users, expected, "{href}");
    }
}

#[test]
fn nesting_and_repetition_are_bounded() {
    for piece in [
        "<blockquote>",
        "<ul><li>",
        "<b>",
        "<a href=\"https://x.org\">",
        "<br>",
        "<pre>\n",
        "<mx-reply>",
        "</blockquote>",
        "<td>",
        "<table><tr><td>",
        "&amp;",
        "<",
        "<a ",
        "<!--",
        "<blockquote>a<br>",
        "<ol><li>a</ol>",
        "<sup>a",
        "<del>a</del>",
        "<sub>a b</sub>",
        "<input type=checkbox>",
    ] {
        let html = piece.repeat(MAX_TEXT_BYTES / piece.len());
        let text = text(&html);
        assert!(text.len() <= 2 * MAX_TEXT_BYTES, "{piece}: {}", text.len());
    }
}

proptest! {
    #[test]
    fn whatever_the_markup_no_tag_that_is_closed_is_left(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "<p>", "</p>", "<ul>", "</ul>", "<ol start=4294967295>", "<li>", "</li>", "<blockquote>",
            "</blockquote>", "<pre>", "</pre>", "<code>", "</code>", "<a href=\"https://x.org\">",
            "</a>", "<br>", "<hr>", "<table>", "<tr>", "<td>", "</table>", "word", " ", "\n", "é",
            "<mx-reply>", "</mx-reply>", "<script>", "</script>", "&gt;", "<img alt=\"alt\">", "<del>", "</del>", "<sup>", "</sup>", "<sub>",
            "</sub>", "<input type=checkbox>", "<a href=\"https://x.org/ <é\">",
        ]), 0..40),
    ) {
        let text = text(&pieces.concat());
        prop_assert!(!text.contains('<'), "{text}");
        prop_assert_eq!(text.trim_end(), &text);
    }

    #[test]
    fn plain_words_stay(words in "[A-Za-z0-9.,!?]{1,8}( [A-Za-z0-9.,!?]{1,8}){0,6}") {
        prop_assert_eq!(text(&words), words.clone());
        prop_assert_eq!(text(&format!("<p><em>{words}</em></p>")), words);
    }
}
