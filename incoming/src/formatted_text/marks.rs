//! Words whose meaning is in their look: struck through, superscript and subscript.

use super::Writer;

/// How many marks may be nested; deeper ones are ignored.
const MAX_MARKS: usize = 8;
const STRUCK: &str = "~~";

/// The look of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Struck through, as a price that no longer counts.
    Struck,
    /// Superscript, as an exponent.
    Raised,
    /// Subscript, as an index.
    Lowered,
}

impl Look {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "del" | "s" | "strike" => Some(Self::Struck),
            "sup" => Some(Self::Raised),
            "sub" => Some(Self::Lowered),
            _ => None,
        }
    }
}

/// Marked words.
pub(super) struct Mark {
    look: Look,
    /// Where they begin.
    start: Option<usize>,
    /// How many strike-throughs are nested, which look like one.
    depth: usize,
}

impl Writer {
    pub(super) fn begin_mark(&mut self, look: Look) {
        let mut marks = self.marks.iter_mut();
        let struck = marks.find(|mark| look == Look::Struck && mark.look == look);
        if let Some(struck) = struck {
            struck.depth += 1;
        } else if self.marks.len() < MAX_MARKS {
            self.marks.push(Mark {
                look,
                start: None,
                depth: 1,
            });
        }
    }

    /// Begins the marks that wait for their first character, which comes now.
    pub(super) fn mark_here(&mut self) {
        for mark in &mut self.marks {
            if mark.start.is_none() {
                mark.start = Some(self.out.len());
                if mark.look == Look::Struck {
                    self.out.push_str(STRUCK);
                }
            }
        }
    }

    /// Ends the innermost mark of this look.
    pub(super) fn end_mark(&mut self, look: Look) {
        let Some(at) = self.marks.iter().rposition(|mark| mark.look == look) else {
            return;
        };
        let mark = &mut self.marks[at];
        mark.depth -= 1;
        if mark.depth > 0 {
            return;
        }
        if let Some(start) = self.marks.remove(at).start {
            self.write_mark(look, start);
        }
    }

    pub(super) fn end_marks(&mut self) {
        while let Some(mark) = self.marks.pop() {
            if let Some(start) = mark.start {
                self.write_mark(mark.look, start);
            }
        }
    }

    fn write_mark(&mut self, look: Look, start: usize) {
        let words = self.out.split_off(start);
        let before = self.out.chars().next_back();
        let marked = match look {
            Look::Struck => format!("{words}{STRUCK}"),
            Look::Raised if is_spelled_so(&words, before) => words,
            Look::Raised => with_sign('^', &words),
            Look::Lowered => lowered(&words).unwrap_or_else(|| with_sign('_', &words)),
        };
        self.out.push_str(&marked);
        // Other elements that begin inside the words begin with them now.
        let starts = self.marks.iter_mut().map(|mark| &mut mark.start);
        let starts = starts.chain(self.link.as_mut().map(|link| &mut link.start));
        for begun in starts.flatten().filter(|begun| **begun > start) {
            *begun = start;
        }
    }
}

/// Words that mean the same without superscript: `1st`, `2nd`.
fn is_spelled_so(words: &str, before: Option<char>) -> bool {
    const ENDINGS: [&str; 8] = ["st", "nd", "rd", "th", "er", "re", "ère", "ème"];
    let is_number = before.is_some_and(|it| it.is_ascii_digit());
    matches!(words, "TM" | "SM" | "™" | "®" | "©") || (is_number && ENDINGS.contains(&words))
}

/// `^6`, or `^(n + 1)` when the end has to be visible.
fn with_sign(sign: char, words: &str) -> String {
    let number = words.trim_start_matches(['+', '-', '−']);
    if number.chars().all(char::is_alphanumeric) {
        format!("{sign}{words}")
    } else {
        format!("{sign}({words})")
    }
}

/// Digits have subscript characters of their own: `H₂O`.
fn lowered(words: &str) -> Option<String> {
    let lower = |character| match character {
        '+' => Some('₊'),
        '-' | '−' => Some('₋'),
        '=' => Some('₌'),
        '(' => Some('₍'),
        ')' => Some('₎'),
        digit => {
            let digit = char::to_digit(digit, 10)?;
            char::from_u32(u32::from('₀') + digit)
        }
    };
    words.chars().map(lower).collect()
}
