//! The domain types of a conversation: rows of the database become these types, the rules work on them, and the types
//! of the API are made from them.

mod entry;
mod mail;
mod rating;
mod visitor;

pub use app::Language;
pub use entry::{Author, Delivery, Entry, Marks};
pub use mail::EmailAddress;
pub use rating::{Rated, Rating};
pub use visitor::{Identity, Page, Verified, VisitorDetails};
