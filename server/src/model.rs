//! What a conversation is made of: the types that the database's rows become, that the rules work on, and that the
//! wire's types are made from.

mod entry;
mod mail;
mod visitor;

pub use entry::{Author, Delivery, Entry, Marks};
pub use mail::{EmailAddress, Language};
pub use visitor::{Page, VisitorDetails};
