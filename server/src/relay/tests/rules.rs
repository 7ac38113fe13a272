//! The relay's rules, one by one.
