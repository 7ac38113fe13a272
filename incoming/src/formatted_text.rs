//! Formatted text (`org.matrix.custom.html`) as plain text with the same meaning.
//!
//! html5ever parses the markup as browsers do. Only its tokens are used, in one pass and without a tree, so time and
//! memory have bounds however deeply the elements are nested.

mod lines;
mod links;
mod marks;

use std::cell::RefCell;

use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::RawKind,
    },
};

use links::{linked_user, shown};
use marks::{Look, Mark};

/// Quotations and lists that are nested more deeply are written as if they were not.
const MAX_PREFIXES: usize = 8;
/// A thematic break.
const RULE: &str = "———";
/// The text between the cells of a table's row.
const CELL: &str = " | ";

/// The content of a formatted text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Formatted {
    /// The plain text; empty when there is nothing to read.
    pub text: String,
    /// The users that it links to.
    pub users: Vec<String>,
}

impl Formatted {
    /// Reads the markup. The fallback of a reply (`<mx-reply>`) is no part of the text.
    #[must_use]
    pub fn read(html: &str) -> Self {
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(html));
        let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
        // Nothing here stops the parser before the end.
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.writer.into_inner().finish()
    }
}

#[derive(Default)]
struct Sink {
    writer: RefCell<Writer>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut writer = self.writer.borrow_mut();
        match token {
            Token::TagToken(tag) => writer.tag(&tag),
            Token::CharacterTokens(text) => {
                writer.text(&text);
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

/// An open element that changes the beginnings of its lines, or its items.
enum Open {
    /// `ol` with its next number, or `ul`.
    List(Option<u32>),
    Item(HasPrefix),
    Quote(HasPrefix),
}

type HasPrefix = bool;

/// The beginning of lines.
struct Prefix {
    first: Option<String>,
    rest: String,
}

struct Link {
    address: String,
    /// Where the words of a link begin.
    start: Option<usize>,
}

/// An element whose content is not part of the text.
struct Hidden {
    name: String,
    depth: usize,
}

#[derive(Default)]
struct Writer {
    out: String,
    users: Vec<String>,
    open: Vec<Open>,
    prefixes: Vec<Prefix>,
    /// The line breaks before the next character, and how many prefixes the empty lines between have.
    breaks: usize,
    breaks_depth: usize,
    /// White space before the next character.
    space: bool,
    hidden: Option<Hidden>,
    link: Option<Link>,
    marks: Vec<Mark>,
    preformatted: usize,
    code: usize,
    /// A line break directly after `<pre>` does not count.
    pre_begins: bool,
    /// Cells of the row so far.
    cells: usize,
}

impl Writer {
    fn finish(mut self) -> Formatted {
        self.end_link();
        self.end_marks();
        self.out.truncate(self.out.trim_end().len());
        Formatted {
            text: self.out,
            users: self.users,
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let starts = tag.kind == TagKind::StartTag;
        if let Some(hidden) = &mut self.hidden {
            if hidden.name == name {
                hidden.depth = if starts {
                    hidden.depth + 1
                } else {
                    hidden.depth - 1
                };
                if hidden.depth == 0 {
                    self.hidden = None;
                }
            }
            return TokenSinkResult::Continue;
        }
        if starts {
            self.pre_begins = false;
            return self.start(name, tag);
        }
        self.end(name);
        TokenSinkResult::Continue
    }

    fn start(&mut self, name: &str, tag: &Tag) -> TokenSinkResult<()> {
        if let Some(look) = Look::of(name) {
            self.begin_mark(look);
            return TokenSinkResult::Continue;
        }
        match name {
            "mx-reply" | "title" | "head" | "template" => self.hide(name),
            "script" | "style" => {
                self.hide(name);
                return TokenSinkResult::RawData(RawKind::Rawtext);
            }
            "br" => self.line_break(),
            "hr" => {
                self.separate(1);
                self.words(RULE);
                self.separate(1);
            }
            "img" => {
                let alt = attribute(tag, "alt").or_else(|| attribute(tag, "title"));
                self.words(alt.unwrap_or_default());
            }
            "input" => {
                let boxed = match attribute(tag, "type")
                    .map(str::to_ascii_lowercase)
                    .as_deref()
                {
                    Some("checkbox") => ["[ ]", "[x]"],
                    Some("radio") => ["( )", "(x)"],
                    _ => return TokenSinkResult::Continue,
                };
                let is_checked = attribute(tag, "checked").is_some();
                self.put_all(boxed[usize::from(is_checked)]);
                self.space = true;
            }
            "a" => self.begin_link(attribute(tag, "href").unwrap_or_default()),
            "ul" => {
                self.separate(1);
                self.open.push(Open::List(None));
            }
            "ol" => {
                self.separate(1);
                let first = attribute(tag, "start").and_then(|start| start.trim().parse().ok());
                self.open.push(Open::List(Some(first.unwrap_or(1))));
            }
            "li" => self.begin_item(),
            "blockquote" => {
                self.separate(self.gap());
                let has_prefix = self.push_prefix(None, "> ");
                self.open.push(Open::Quote(has_prefix));
            }
            "pre" => {
                self.separate(self.gap());
                self.preformatted += 1;
                self.pre_begins = true;
            }
            "code" => self.code += 1,
            "tr" => {
                self.separate(1);
                self.cells = 0;
            }
            "td" | "th" => {
                if self.cells > 0 {
                    self.space = false;
                    self.put_all(CELL);
                }
                self.cells += 1;
            }
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" => self.separate(self.gap()),
            _ if is_block(name) => self.separate(1),
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn end(&mut self, name: &str) {
        if let Some(look) = Look::of(name) {
            self.end_mark(look);
            return;
        }
        match name {
            "a" => self.end_link(),
            "ul" | "ol" => {
                self.close(|open| matches!(open, Open::List(_)));
                self.separate(1);
            }
            "li" => {
                self.close(|open| matches!(open, Open::Item(_)));
                self.separate(1);
            }
            "blockquote" => {
                self.close(|open| matches!(open, Open::Quote(_)));
                self.separate(2);
            }
            "pre" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                self.separate(1);
            }
            "code" => self.code = self.code.saturating_sub(1),
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "tr" => self.separate(1),
            _ if is_block(name) => self.separate(1),
            _ => {}
        }
    }

    fn hide(&mut self, name: &str) {
        self.hidden = Some(Hidden {
            name: name.to_owned(),
            depth: 1,
        });
    }

    /// Adds an empty line between paragraphs, but not between an item's marker and its first words.
    fn gap(&self) -> usize {
        match self.open.last() {
            Some(Open::Item(_)) => 1,
            _ => 2,
        }
    }

    fn begin_item(&mut self) {
        self.separate(1);
        // An item ends where the next item of its list begins.
        if matches!(self.open.last(), Some(Open::Item(_))) {
            self.close(|open| matches!(open, Open::Item(_)));
        }
        let marker = match self.open.last_mut() {
            Some(Open::List(Some(number))) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => "- ".to_owned(),
        };
        let rest = " ".repeat(marker.len());
        let has_prefix = self.push_prefix(Some(marker), &rest);
        self.open.push(Open::Item(has_prefix));
    }

    fn push_prefix(&mut self, first: Option<String>, rest: &str) -> HasPrefix {
        let has_prefix = self.prefixes.len() < MAX_PREFIXES;
        if has_prefix {
            let rest = rest.to_owned();
            self.prefixes.push(Prefix { first, rest });
        }
        has_prefix
    }

    /// Closes the innermost element of this kind, and everything that is open inside it.
    fn close(&mut self, kind: impl Fn(&Open) -> bool) {
        let Some(at) = self.open.iter().rposition(kind) else {
            return;
        };
        for open in self.open.drain(at..) {
            if let Open::Item(true) | Open::Quote(true) = open {
                self.prefixes.pop();
            }
        }
    }

    fn begin_link(&mut self, href: &str) {
        self.end_link();
        let href = href.trim();
        self.users.extend(linked_user(href));
        self.link = shown(href).map(|address| Link {
            address,
            start: None,
        });
    }

    /// Adds the address, unless the link's words are the address.
    fn end_link(&mut self) {
        let Some(Link { address, start }) = self.link.take() else {
            return;
        };
        let Some(words) = start.and_then(|start| self.out.get(start..)) else {
            self.put_all(&address);
            return;
        };
        let is_address = |words: &str| {
            let scheme_less = ["mailto:", "tel:"].map(|scheme| address.strip_prefix(scheme));
            let same = |form: &str| form.trim_end_matches('/') == words.trim_end_matches('/');
            same(&address) || scheme_less.into_iter().flatten().any(same)
        };
        if !is_address(words.trim()) {
            let space = std::mem::take(&mut self.space);
            self.put_all(&format!(" ({address})"));
            self.space = space;
        }
    }
}

fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    let mut attributes = tag.attrs.iter();
    let found = attributes.find(|attribute| &*attribute.name.local == name)?;
    Some(&found.value)
}

/// Elements that stand on lines of their own.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "div"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "main"
            | "aside"
            | "nav"
            | "details"
            | "summary"
            | "dl"
            | "dt"
            | "dd"
            | "figure"
            | "figcaption"
            | "caption"
            | "center"
            | "address"
    )
}

#[cfg(test)]
mod tests;
