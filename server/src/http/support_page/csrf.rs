//! Checks that the visitor sent a form from this page.
//!
//! There are three checks, because each has gaps. `SameSite=Strict` keeps other sites from sending
//! the cookie, but not a neighbouring host under the same domain. `Sec-Fetch-Site` and `Origin`
//! reveal those as well, but old and text browsers send neither. The token in a form is derived
//! from the cookie's secret, so only the page's visitor knows it. The form of the first message has
//! no cookie to derive it from, but forging that gains nothing, because it only begins a
//! conversation if there is none.

use axum::http::{HeaderMap, HeaderName, header, request::Parts};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;

use super::cookie::SessionCookie;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether no header says that the request comes from elsewhere.
pub(super) fn comes_from_this_page(parts: &Parts) -> bool {
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| Some(parts.uri.authority()?.as_str()));
    let fetch_sites = parts.headers.get_all(SEC_FETCH_SITE);
    // `none` means that the visitor entered the address.
    let same_site = fetch_sites
        .iter()
        .all(|site| site == "same-origin" || site == "none");
    // Behind a proxy the scheme is unknown. A page of this host without TLS belongs to another
    // site.
    let same_host = parts.headers.get_all(header::ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().ok().and_then(|text| text.split_once("://"));
        origin.is_some_and(|(_, origin_host)| Some(origin_host) == host)
    });
    same_site && same_host
}

/// Like [`comes_from_this_page`], for the form of a page that sends no referrer, with which
/// browsers send the origin `null`.
pub(super) fn comes_from_page_without_referrer(parts: &Parts) -> bool {
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    let mut fetch_sites = parts.headers.get_all(SEC_FETCH_SITE).iter();
    let is_hidden = origins.all(|origin| origin == "null")
        && fetch_sites.all(|site| site == "same-origin" || site == "none");
    is_hidden || comes_from_this_page(parts)
}

/// Whether another site has led the visitor here, so that `SameSite=Strict` has kept the cookie
/// from being sent.
pub(super) fn comes_from_another_site(headers: &HeaderMap) -> bool {
    headers
        .get(SEC_FETCH_SITE)
        .is_some_and(|site| site == "cross-site")
}

/// The token for this session's forms.
pub(super) fn form_token(session: &SessionCookie) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(mac(session).finalize().into_bytes())
}

/// Whether a form has this session's token, compared in constant time.
pub(super) fn is_form_of(session: &SessionCookie, token: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD
        .decode(token)
        .is_ok_and(|given| mac(session).verify_slice(&given).is_ok())
}

/// Derives the token from the session's token, which cannot be recovered from it.
fn mac(session: &SessionCookie) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mac = Hmac::<Sha256>::new_from_slice(session.token.expose_secret().as_bytes())
        .expect("a key of any length");
    mac.chain_update(b"support-chat form token")
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn accepted(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::post("/support/api/send").header("host", "chat.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        comes_from_this_page(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_page_without_a_referrer_hides_its_origin_and_nothing_else() {
        let accepted = |headers: &[(&str, &str)]| {
            let mut request = Request::post("/support/resume/x").header("host", "chat.example");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            comes_from_page_without_referrer(&request.body(()).unwrap().into_parts().0)
        };
        for good in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[("origin", "https://chat.example")],
        ] {
            assert!(accepted(good), "{good:?}");
        }
        for bad in [
            &[("origin", "null"), ("sec-fetch-site", "cross-site")][..],
            &[("origin", "null"), ("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.example")],
            &[("origin", "null"), ("origin", "https://evil.example")],
        ] {
            assert!(!accepted(bad), "{bad:?}");
        }
    }

    #[test]
    fn only_what_this_host_s_pages_send_is_taken() {
        for good in [
            &[][..],
            &[("origin", "https://chat.example")],
            &[("sec-fetch-site", "same-origin")],
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://chat.example"),
            ],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(accepted(good), "{good:?}");
        }
        for bad in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "https://chat.example.evil.example")],
            &[("origin", "https://chat.example:8443")],
            &[("origin", "null")],
            &[
                ("origin", "https://chat.example"),
                ("origin", "https://evil.example"),
            ],
            &[("sec-fetch-site", "cross-site")],
            // A neighbouring host, and this host without TLS.
            &[("sec-fetch-site", "same-site")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://chat.example"),
            ],
        ] {
            assert!(!accepted(bad), "{bad:?}");
        }
    }
}
