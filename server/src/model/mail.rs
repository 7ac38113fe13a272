//! Where a visitor is mailed.

use std::net::Ipv4Addr;

/// An address to which a mail can be sent. It is ASCII, and contains nothing that a header or an
/// SMTP command would interpret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The maximum length of an address (RFC 5321, section 4.5.3.1.3), and of the part before the
    /// `@`.
    const MAX: usize = 254;
    const MAX_LOCAL: usize = 64;
    const MAX_LABEL: usize = 63;

    /// Accepts an address. Its domain may be an internationalised one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        // Allows the characters of an atom (RFC 5322, section 3.2.3) and the dot.
        let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-.".contains(c);
        let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
        if local.is_empty() || local.len() > Self::MAX_LOCAL || !local.chars().all(is_local) || dots
        {
            return None;
        }
        let domain = domain_to_ascii(domain)?;
        let address = [local, "@", &domain].concat();
        (address.len() <= Self::MAX).then_some(Self(address))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The address in lower case, for comparisons.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// A domain name as DNS has it.
fn domain_to_ascii(domain: &str) -> Option<String> {
    let host = url::Host::parse(domain).ok()?;
    let url::Host::Domain(name) = host else {
        return None;
    };
    let is_label = |label: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=EmailAddress::MAX_LABEL).contains(&label.len())
            && label.chars().all(inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = name.split('.').all(is_label) && name.parse::<Ipv4Addr>().is_err();
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_everything_else() {
        for (good, stored) in [
            ("ada@example.com", "ada@example.com"),
            (
                "Ada.Lovelace+chat@Example.COM",
                "Ada.Lovelace+chat@example.com",
            ),
            ("o'brien@mail.example.co.uk", "o'brien@mail.example.co.uk"),
            ("ada@localhost", "ada@localhost"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ] {
            let address = EmailAddress::parse(good).map(|address| address.0);
            assert_eq!(address.as_deref(), Some(stored), "{good}");
        }
        let long = [&"a".repeat(65), "@example.com"].concat();
        let longer = ["a@", &"b".repeat(64), ".example"].concat();
        let longest = ["a@", &"bb.".repeat(100), "example"].concat();
        for bad in [
            "",
            "ada",
            "@",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@exa mple.com",
            "a@b@c",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada\r\n@example.com",
            "ada@example.com\n",
            "ada@example.com,eve@example.com",
            "<ada@example.com>",
            "Ada <ada@example.com>",
            "\"a b\"@example.com",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada@-a.example",
            "ada@a..example",
            "ada@example.com.",
            ".ada@example.com",
            "a..a@example.com",
            "ada.@example.com",
            "адa@example.com",
            "ada@exam_ple.com",
            "ada;x@example.com",
            "ada@example.com>",
            "ada@example.com:25",
            "ada\0@example.com",
            &long,
            &longer,
            &longest,
        ] {
            assert_eq!(EmailAddress::parse(bad), None, "{bad:?}");
        }
    }
}
