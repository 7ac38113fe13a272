//! The fields of requests in which visitors say who they are and where they come from.

use app::contract::{CreateSessionRequest, Rating, SetPageRequest, SetRatingRequest};

use crate::{
    field_rules::{EMAIL, LINE, Rule, SOURCE_URL},
    model::{self, Page, Rated, VisitorDetails},
};

/// A field that is not acceptable, by its name in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct InvalidField(pub(super) &'static str);

/// Reads the visitor's details, or lists all optional fields that are wrong. A blank field counts
/// as missing.
pub(in crate::http) fn details(
    request: &CreateSessionRequest,
) -> Result<VisitorDetails, Vec<InvalidField>> {
    let mut fields = Fields::default();
    let details = VisitorDetails {
        source_url: fields.take("sourceUrl", request.source_url.as_deref(), &SOURCE_URL),
        page_title: fields.take("pageTitle", request.page_title.as_deref(), &LINE),
        name: fields.take("visitorName", request.visitor_name.as_deref(), &LINE),
        email: fields.take("visitorEmail", request.visitor_email.as_deref(), &EMAIL),
    };
    fields.end(details)
}

/// Reads the page, or lists all fields that are wrong.
pub(super) fn page(request: &SetPageRequest) -> Result<Page, Vec<InvalidField>> {
    let mut fields = Fields::default();
    let source_url = fields.take("sourceUrl", Some(&request.source_url), &SOURCE_URL);
    if request.source_url.is_empty() {
        fields.invalid.push(InvalidField("sourceUrl"));
    }
    let title = fields.take("pageTitle", request.page_title.as_deref(), &LINE);
    fields.end(Page::at(&source_url.unwrap_or_default(), title))
}

/// Reads the rating, or reports its comment if that is wrong. A blank comment counts as missing.
pub(super) fn rated(request: &SetRatingRequest) -> Result<Rated, Vec<InvalidField>> {
    let mut fields = Fields::default();
    let comment = fields.take("comment", request.comment.as_deref(), &LINE);
    fields.end(Rated {
        rating: match request.rating {
            Rating::Good => model::Rating::Good,
            Rating::Bad => model::Rating::Bad,
        },
        comment,
    })
}

/// The fields of a request that were found wrong.
#[derive(Debug, Default)]
struct Fields {
    invalid: Vec<InvalidField>,
}

impl Fields {
    /// The text of a field. A blank field counts as missing.
    fn take(&mut self, name: &'static str, given: Option<&str>, rule: &Rule) -> Option<String> {
        let text = given?;
        if !rule.accepts(text) {
            self.invalid.push(InvalidField(name));
        }
        (!text.trim().is_empty()).then(|| text.to_owned())
    }

    fn end<T>(self, accepted: T) -> Result<T, Vec<InvalidField>> {
        if self.invalid.is_empty() {
            Ok(accepted)
        } else {
            Err(self.invalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use app::contract::{MESSAGE_PATTERN, MessageBody};
    use regex::Regex;

    use super::*;

    fn parse(
        change: impl FnOnce(&mut CreateSessionRequest),
    ) -> Result<VisitorDetails, Vec<InvalidField>> {
        let mut request = CreateSessionRequest::default();
        change(&mut request);
        details(&request)
    }

    #[test]
    fn blank_fields_are_fields_not_given() {
        let details = parse(|request| {
            request.visitor_name = Some("  ".into());
            request.visitor_email = Some(String::new());
        });
        assert!(details.unwrap().is_empty());
    }

    #[test]
    fn every_wrong_field_is_named() {
        let invalid = parse(|request| {
            request.source_url = Some("javascript:alert(1)".into());
            request.page_title = Some("x".repeat(501));
            request.visitor_name = Some("Ada\nE-mail: someone@else".into());
            request.visitor_email = Some("ada".into());
        })
        .unwrap_err();
        let names: Vec<_> = invalid.iter().map(|field| field.0).collect();
        assert_eq!(
            names,
            ["sourceUrl", "pageTitle", "visitorName", "visitorEmail"]
        );
    }

    #[test]
    fn a_page_has_an_address_and_is_judged_as_at_the_beginning() {
        let parse = |source_url: &str, page_title: Option<&str>| {
            page(&SetPageRequest {
                source_url: source_url.to_owned(),
                page_title: page_title.map(str::to_owned),
            })
        };
        let page = parse("https://a.example/b?token=1#/c?d", Some(" ")).unwrap();
        assert_eq!(
            (&*page.source_url, page.title),
            ("https://a.example/b", None)
        );
        for (source_url, page_title, invalid) in [
            ("", None, vec!["sourceUrl"]),
            (" ", None, vec!["sourceUrl"]),
            (
                "javascript:alert(1)",
                Some("a\nb"),
                vec!["sourceUrl", "pageTitle"],
            ),
        ] {
            let refused = parse(source_url, page_title).unwrap_err();
            let names: Vec<_> = refused.iter().map(|field| field.0).collect();
            assert_eq!(names, invalid);
        }
    }

    #[test]
    fn ordinary_details_are_kept_as_they_came() {
        let details = parse(|request| {
            request.source_url = Some("https://www.webdevelop.biz/".into());
            request.visitor_name = Some("Ада Ло́влейс".into());
            request.visitor_email = Some("ada+chat@example.com".into());
        })
        .unwrap();
        assert_eq!(details.source_url.unwrap(), "https://www.webdevelop.biz/");
        assert_eq!(details.name.unwrap(), "Ада Ло́влейс");
        assert_eq!(details.email.unwrap(), "ada+chat@example.com");
    }

    #[test]
    fn a_url_is_what_a_browser_s_address_bar_can_hold() {
        let accepts = |text: &str| SOURCE_URL.accepts(text);
        let longest = format!("https://a.example/{}", "x".repeat(2_048 - 18));
        for good in [
            "http://localhost:5173/a%20b",
            "https://xn--e1afmkfd.xn--p1ai?q=1#top",
            "http://127.0.0.1",
            "http://[::1]:8090/",
            longest.as_str(),
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "https://",
            "https://bank.example@evil.example/",
            "https://a.example/\u{202e}",
            "https://a.example/ b",
            "https://a.example\n",
            &format!("{longest}x"),
        ] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_has_two_sides_and_no_blanks() {
        for good in ["a@b", "ada+chat@mail.example.com", "ада@пример.рф"] {
            assert!(EMAIL.accepts(good), "{good}");
        }
        let too_long = format!("{}@b", "a".repeat(253));
        for bad in [
            "ada", "@b", "a@", "a@b..c", "a@b@c", "a b@c", "a@b\n", &too_long,
        ] {
            assert!(!EMAIL.accepts(bad), "{bad}");
        }
    }

    /// There are no control characters or white space beyond the basic plane.
    fn all_that_matter() -> impl Iterator<Item = char> {
        ('\0'..='\u{ffff}').chain(['\u{10000}', '\u{1f980}', char::MAX])
    }

    #[test]
    fn a_line_has_no_breaks_and_no_controls() {
        for c in all_that_matter() {
            let breaks = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
            assert_eq!(LINE.accepts(&format!("a{c}b")), !breaks, "{c:?}");
        }
    }

    /// The pattern of a message's text is for clients; the server applies [`MessageBody`].
    #[test]
    fn the_pattern_of_a_message_says_what_the_server_does() {
        let pattern = Regex::new(MESSAGE_PATTERN).unwrap();
        for c in all_that_matter() {
            for text in [
                c.to_string(),
                format!("{c}a"),
                format!(" {c}"),
                format!("a{c}"),
            ] {
                let accepted = MessageBody::check(&text, 10).is_ok();
                assert_eq!(pattern.is_match(&text), accepted, "{text:?}");
            }
        }
    }
}
