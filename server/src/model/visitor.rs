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
    /// An http or https URL.
    pub source_url: String,
    /// Its title.
    pub title: Option<String>,
}
