//! Puts the text into lines: white space, line breaks, and the prefix of each line.

use super::Writer;
use crate::bounds::MAX_TEXT_BYTES;

impl Writer {
    /// Text of the markup.
    pub(super) fn text(&mut self, text: &str) {
        if self.hidden.is_some() {
            return;
        }
        let verbatim = self.preformatted > 0 || self.code > 0;
        for character in text.chars() {
            match character {
                '\r' => {}
                '\n' if self.pre_begins => {}
                '\n' if self.preformatted > 0 => self.line_break(),
                ' ' | '\t' | '\x0c' if verbatim => self.put(character),
                ' ' | '\t' | '\n' | '\x0c' => self.space = true,
                _ => self.put(character),
            }
            self.pre_begins = false;
        }
    }

    /// Text that does not come from the markup.
    pub(super) fn words(&mut self, words: &str) {
        for character in words.chars() {
            if character.is_whitespace() {
                self.space = true;
            } else {
                self.put(character);
            }
        }
    }

    /// At least this many line breaks come before the next character.
    pub(super) fn separate(&mut self, breaks: usize) {
        self.note_depth();
        self.breaks = self.breaks.max(breaks);
    }

    /// One more line break comes before the next character.
    pub(super) fn line_break(&mut self) {
        self.note_depth();
        self.breaks += 1;
    }

    fn note_depth(&mut self) {
        let depth = self.prefixes.len();
        self.breaks_depth = if self.breaks == 0 {
            depth
        } else {
            self.breaks_depth.min(depth)
        };
    }

    pub(super) fn put_all(&mut self, text: &str) {
        text.chars().for_each(|character| self.put(character));
    }

    fn put(&mut self, character: char) {
        // The text would be cut there.
        if self.out.len() > MAX_TEXT_BYTES {
            return;
        }
        if self.out.is_empty() {
            self.begin_line();
        } else if self.breaks > 0 {
            for _ in 1..self.breaks.min(MAX_TEXT_BYTES) {
                self.out.push('\n');
                for prefix in self.prefixes.iter().take(self.breaks_depth) {
                    self.out.push_str(&prefix.rest);
                }
                self.out.truncate(self.out.trim_end_matches(' ').len());
            }
            self.out.push('\n');
            self.begin_line();
        } else if self.space {
            self.out.push(' ');
        }
        (self.breaks, self.space) = (0, false);
        if let Some(link) = &mut self.link {
            link.start.get_or_insert(self.out.len());
        }
        self.mark_here();
        self.out.push(character);
    }

    fn begin_line(&mut self) {
        for prefix in &mut self.prefixes {
            match prefix.first.take() {
                Some(first) => self.out.push_str(&first),
                None => self.out.push_str(&prefix.rest),
            }
        }
    }
}
