//! The comparison of two lists of texts.

use std::collections::{HashMap, HashSet};

/// The errors in one list of texts, with the texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) out_of_order: Vec<String>,
    /// Texts without a promise: they were refused and arrived nevertheless.
    pub(crate) unpromised: Vec<String>,
}

impl Findings {
    /// Compares the texts in the order of their promises with the texts in the order in which they are there.
    pub(crate) fn compare(promised: &[String], found: &[String]) -> Self {
        let ranks: HashMap<_, _> = promised.iter().zip(0..).collect();
        let mut findings = Self::default();
        let mut seen = HashSet::new();
        let mut newest = 0;
        for text in found {
            let Some(&rank) = ranks.get(text) else {
                findings.unpromised.push(text.clone());
                continue;
            };
            if !seen.insert(text) {
                findings.doubled.push(text.clone());
            } else if rank < newest {
                findings.out_of_order.push(text.clone());
            } else {
                newest = rank;
            }
        }
        let missing = promised.iter().filter(|text| !seen.contains(text));
        findings.lost = missing.cloned().collect();
        findings
    }

    pub(super) fn add(&mut self, other: Self) {
        self.lost.extend(other.lost);
        self.doubled.extend(other.doubled);
        self.out_of_order.extend(other.out_of_order);
        self.unpromised.extend(other.unpromised);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    fn findings(found: &str) -> Findings {
        Findings::compare(&texts("a b c d"), &texts(found))
    }

    #[test]
    fn a_kept_promise_has_no_findings() {
        assert_eq!(findings("a b c d"), Findings::default());
    }

    #[test]
    fn a_lost_text_is_noticed() {
        assert_eq!(findings("a b d").lost, ["c"]);
        assert_eq!(findings("").lost, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_doubled_text_is_noticed_wherever_it_is() {
        for found in ["a b b c d", "a b c d b"] {
            let findings = findings(found);
            assert_eq!(findings.doubled, ["b"], "{found}");
            assert!(findings.lost.is_empty() && findings.out_of_order.is_empty());
        }
    }

    #[test]
    fn texts_that_changed_places_are_noticed() {
        let findings = findings("a c b d");
        assert_eq!(findings.out_of_order, ["b"]);
        assert!(findings.lost.is_empty() && findings.doubled.is_empty());
    }

    #[test]
    fn a_text_that_nobody_was_promised_is_noticed() {
        assert_eq!(findings("a b c d e").unpromised, ["e"]);
    }
}
