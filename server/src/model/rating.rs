//! What a visitor says of a conversation.

/// How the conversation was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rating {
    /// It helped.
    Good,
    /// It did not.
    Bad,
}

impl Rating {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Good, Self::Bad];

    /// Its word, in Postgres, in metrics and for staff.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }

    /// The rating that Postgres has; it holds no other words.
    #[must_use]
    pub fn read(word: &str) -> Self {
        if word == Self::Good.as_str() {
            Self::Good
        } else {
            Self::Bad
        }
    }
}

/// A rating, and what the visitor says with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rated {
    /// The rating.
    pub rating: Rating,
    /// One line in the visitor's own words.
    pub comment: Option<String>,
}
