//! What the server knows about a visitor.

/// Who the visitor is and which page they write from. Everything is optional and nothing is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VisitorDetails {
    /// The page, an http or https URL.
    pub source_url: Option<String>,
    /// Its title.
    pub page_title: Option<String>,
    /// The visitor's name.
    pub name: Option<String>,
    /// The visitor's email address.
    pub email: Option<String>,
}

impl VisitorDetails {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The page that a visitor has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// An http or https URL without query and fragment.
    pub source_url: String,
    /// Its title.
    pub title: Option<String>,
}

impl Page {
    /// The page at this address. Query and fragment are left out, because they may be confidential.
    #[must_use]
    pub fn at(source_url: &str, title: Option<String>) -> Self {
        let address = source_url.split(['?', '#']).next().unwrap_or_default();
        Self {
            source_url: address.to_owned(),
            title,
        }
    }
}

/// The details of a visitor for which the website vouches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The visitor's name, if the website gave it.
    pub name: Option<String>,
    /// The visitor's address, if the website gave it.
    pub email: Option<String>,
}

/// A visitor for whom their website vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// A keyed hash of the website's key and its name for the visitor.
    pub digest: [u8; 32],
    /// The details that the website gave.
    pub verified: Verified,
}
