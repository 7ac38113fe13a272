//! How a visitor rates a conversation.

/// A rating of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rating {
    /// The conversation helped.
    Good,
    /// The conversation did not help.
    Bad,
}

impl Rating {
    /// Both ratings.
    pub const ALL: [Self; 2] = [Self::Good, Self::Bad];

    /// Its name in Postgres and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }

    /// Reads a rating from Postgres, which contains no other names.
    #[must_use]
    pub fn read(word: &str) -> Self {
        if word == Self::Good.as_str() {
            Self::Good
        } else {
            Self::Bad
        }
    }
}

/// A rating with the visitor's comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rated {
    /// The rating.
    pub rating: Rating,
    /// A comment of one line.
    pub comment: Option<String>,
}
