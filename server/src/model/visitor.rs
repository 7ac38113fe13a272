//! What is known of a visitor.

/// Who writes, and from where: all of it optional, none of it verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VisitorDetails {
    /// The page, an http or https URL.
    pub source_url: Option<String>,
    /// Its title.
    pub page_title: Option<String>,
    /// How the visitor wants to be called.
    pub name: Option<String>,
    /// Where the visitor can be reached.
    pub email: Option<String>,
}

impl VisitorDetails {
    /// Whether there is nothing to tell the staff.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The page that a visitor has gone to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// An http or https URL.
    pub source_url: String,
    /// Its title.
    pub title: Option<String>,
}
