//! What the visitor sees: the state machine's state as DOM. Text goes in as text, never as HTML.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use app::contract::{DEFAULT_MAX_MESSAGE_CHARS, Delivery, MessageBody, MessageBodyError, Sender};
use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use web_sys::{
    Document, Element, EventTarget, HtmlButtonElement, HtmlElement, HtmlTextAreaElement,
    ShadowRoot, Window,
};

use crate::{
    host::Host,
    session::{Notice, Session, Trouble},
    texts,
};

/// The counter appears when fewer characters than this are left.
const COUNTED_CHARS: usize = 400;

/// A message of the visitor's.
const OWN: &str = "line own";
/// One that did not arrive.
const FAILED: &str = "line own failed";

type Done = Result<(), JsValue>;

/// An element of the panel, by its place in [`PANEL`].
#[derive(Clone, Copy)]
enum Node {
    Panel,
    Header,
    Names,
    Title,
    Status,
    End,
    Close,
    Hello,
    HelloTitle,
    HelloText,
    Log,
    Notice,
    Challenge,
    ChallengeText,
    Ended,
    Ending,
    Restart,
    Composer,
    Text,
    Send,
    Hint,
}

/// What an element is: itself, its parent, its tag, the key of its text, its attributes. Of those
/// that are words ([`WORDS`]), the keys too.
type Spec = (
    Node,
    Node,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// The attributes that hold words.
const WORDS: [&str; 2] = ["aria-label", "placeholder"];

/// The panel. As a table it is a third of what the calls that build it would be.
const PANEL: &[Spec] = &[
    (
        Node::Panel,
        Node::Panel,
        "div",
        "",
        &[
            ("class", "panel"),
            ("part", "panel"),
            ("role", "dialog"),
            ("aria-label", texts::PANEL),
            ("hidden", ""),
        ],
    ),
    (Node::Header, Node::Panel, "div", "", &[("class", "header")]),
    (Node::Names, Node::Header, "div", "", &[("class", "names")]),
    (Node::Title, Node::Names, "strong", texts::PANEL, &[]),
    (Node::Status, Node::Names, "span", texts::STATUS, &[]),
    (
        Node::End,
        Node::Header,
        "button",
        texts::END,
        &[("class", "end"), ("name", "end")],
    ),
    (
        Node::Close,
        Node::Header,
        "button",
        "",
        &[
            ("class", "close"),
            ("name", "close"),
            ("aria-label", texts::CLOSE),
        ],
    ),
    (Node::Hello, Node::Panel, "div", "", &[("class", "hello")]),
    (Node::HelloTitle, Node::Hello, "strong", "", &[]),
    (Node::HelloText, Node::Hello, "p", texts::HELLO_MORE, &[]),
    (
        Node::Log,
        Node::Panel,
        "div",
        "",
        &[
            ("class", "log"),
            ("role", "log"),
            ("aria-label", texts::CONVERSATION),
            // A line is announced when it is added, and not again when its delivery changes.
            ("aria-relevant", "additions"),
            // To scroll by keyboard.
            ("tabindex", "0"),
        ],
    ),
    (Node::Notice, Node::Panel, "div", "", &[("class", "notice")]),
    (
        Node::Challenge,
        Node::Panel,
        "div",
        "",
        &[("class", "challenge")],
    ),
    (
        Node::ChallengeText,
        Node::Challenge,
        "p",
        "",
        &[("role", "status")],
    ),
    (Node::Ended, Node::Panel, "div", "", &[("class", "ended")]),
    (Node::Ending, Node::Ended, "p", "", &[("role", "status")]),
    (
        Node::Restart,
        Node::Ended,
        "button",
        texts::RESTART,
        &[("class", "restart"), ("name", "restart")],
    ),
    (
        Node::Composer,
        Node::Panel,
        "div",
        "",
        &[("class", "composer")],
    ),
    (
        Node::Text,
        Node::Composer,
        "textarea",
        "",
        &[
            ("part", "composer"),
            ("rows", "1"),
            ("dir", "auto"),
            ("aria-label", texts::MESSAGE),
            ("aria-describedby", "hint"),
            ("enterkeyhint", "send"),
            ("placeholder", texts::PLACEHOLDER),
        ],
    ),
    (
        Node::Send,
        Node::Composer,
        "button",
        "",
        &[
            ("class", "send"),
            ("name", "send"),
            ("aria-label", texts::SEND),
        ],
    ),
    (
        Node::Hint,
        Node::Composer,
        "p",
        "",
        &[("class", "hint"), ("id", "hint")],
    ),
];

/// The panel, and the launcher's badge.
pub(crate) struct View {
    host: Host,
    document: Document,
    root: ShadowRoot,
    launcher: HtmlElement,
    badge: Element,
    /// Says, when the panel is closed, what the badge shows.
    unread: Element,
    /// The elements of [`PANEL`].
    nodes: Vec<HtmlElement>,
    lines: Vec<Line>,
    notice_shown: Option<Shown>,
    /// What stands before the page's title while there is something unread, like `(2) `.
    title_count: String,
}

/// A message on the screen, and what it shows.
struct Line {
    key: String,
    node: Element,
    who: Element,
    text: Element,
    time: Element,
    status: Element,
    body: String,
    created_at: String,
    state: Option<State>,
}

/// What a message looks like: its note, and its class.
#[derive(Clone, Copy, PartialEq)]
struct State {
    note: Option<&'static str>,
    class: &'static str,
}

/// The notice on the screen.
struct Shown {
    what: Trouble,
    retry: Option<HtmlButtonElement>,
    wait: Element,
}

impl View {
    /// Builds the panel, closed.
    pub(crate) fn new(
        host: Host,
        document: &Document,
        root: ShadowRoot,
        launcher: HtmlElement,
    ) -> Result<Self, JsValue> {
        // Beside the launcher, whose name it is no part of.
        let badge = make(document, &root, "span", "", &[("class", "badge")])?;
        let unread = [("class", "spoken"), ("id", "unread"), ("role", "status")];
        let unread = make(document, &root, "span", "", &unread)?;
        set(&badge, &[("aria-hidden", "true")])?;
        set(&launcher, &[("aria-describedby", "unread")])?;

        let mut nodes: Vec<HtmlElement> = Vec::with_capacity(PANEL.len());
        for &(_, parent, tag, _, attributes) in PANEL {
            let parent: &web_sys::Node = match nodes.get(parent as usize) {
                Some(parent) => parent,
                None => &root,
            };
            let node = make(document, parent, tag, "", attributes)?;
            nodes.push(node.unchecked_into());
        }

        let mut view = Self {
            host,
            document: document.clone(),
            root,
            launcher,
            badge,
            unread,
            nodes,
            lines: Vec::new(),
            notice_shown: None,
            title_count: String::new(),
        };
        view.translate()?;
        Ok(view)
    }

    /// Says everything in the language that the host speaks now; what depends on the session, once
    /// it is rendered.
    pub(crate) fn translate(&mut self) -> Done {
        let words = |attribute: &&(&str, _)| WORDS.contains(&attribute.0);
        for (node, &(_, _, _, text, attributes)) in self.nodes.iter().zip(PANEL) {
            if !text.is_empty() {
                node.set_text_content(Some(&self.host.text(text)));
            }
            for &(name, key) in attributes.iter().filter(words) {
                node.set_attribute(name, &self.host.text(key))?;
            }
        }
        for line in &mut self.lines {
            line.state = None;
            line.created_at.clear();
        }
        self.notice_shown = None;
        let (language, direction) = (self.host.language(), self.host.text(texts::DIR));
        let attributes = [("lang", language.as_str()), ("dir", &direction)];
        set(self.node(Node::Panel), &attributes)
    }

    fn node(&self, node: Node) -> &HtmlElement {
        &self.nodes[node as usize]
    }

    fn text(&self) -> &HtmlTextAreaElement {
        self.node(Node::Text).unchecked_ref()
    }

    fn button(&self, node: Node) -> &HtmlButtonElement {
        self.node(node).unchecked_ref()
    }

    /// What the composer holds.
    pub(crate) fn composed_text(&self) -> String {
        self.text().value()
    }

    /// Where a challenge is shown.
    pub(crate) fn challenge_box(&self) -> &HtmlElement {
        self.node(Node::Challenge)
    }

    pub(crate) fn is_composer(&self, target: Option<&EventTarget>) -> bool {
        target == Some(self.text().as_ref())
    }

    pub(crate) fn is_launcher(&self, target: Option<&EventTarget>) -> bool {
        target == Some(self.launcher.as_ref())
    }

    /// The name of the panel's button that a click met, whatever a translator has wrapped its words
    /// in. What the page has put into its slots is the page's own.
    pub(crate) fn button_at(&self, target: Option<EventTarget>) -> Option<String> {
        let target: Element = target?.unchecked_into();
        let button = target.closest("[name]").ok()??;
        if !self.root.contains(Some(&button)) {
            return None;
        }
        button.get_attribute("name")
    }

    /// The page's title, without our own count of unread messages.
    pub(crate) fn page_title(&self) -> String {
        self.plain_title(&self.document.title()).to_owned()
    }

    /// Whether the panel is a sheet over the whole page, and this node is neither in it nor slotted.
    pub(crate) fn covers_page_and_lacks(&self, node: Option<&web_sys::Node>) -> bool {
        let page = self.document.document_element();
        let page_width = page.map_or(i32::MAX, |page| page.client_width());
        self.node(Node::Panel).offset_width() >= page_width
            && !self.root.contains(node)
            && !self.root.host().contains(node)
    }

    /// Moves the focus to where the visitor goes on: into the panel, or back to the launcher.
    pub(crate) fn focus(&self, into_panel: bool) {
        let target: &HtmlElement = match into_panel {
            false => &self.launcher,
            true if self.node(Node::Composer).hidden() => self.node(Node::Restart),
            true => self.node(Node::Text),
        };
        // Without a focus the chat still works.
        drop(target.focus());
    }

    /// Keeps the full-height panel of a phone above the on-screen keyboard, which covers the page
    /// without resizing it.
    pub(crate) fn fit(&self, window: &Window) {
        let Some(viewport) = window.visual_viewport() else {
            return;
        };
        // Zoomed in by hand, the visitor looks at a part of the panel and wants it to stay.
        if viewport.scale() > 1.01 {
            return;
        }
        let stick = self.is_at_end();
        let style = self.node(Node::Panel).style();
        for (name, px) in [
            ("--height", viewport.height()),
            ("--top", viewport.offset_top().max(0.0)),
        ] {
            let px = decimal(px) + "px";
            drop(style.set_property(name, &px));
        }
        if stick {
            self.scroll_to_end();
        }
    }

    /// Shows `session`. Only what differs from what is shown is touched.
    pub(crate) fn render(&mut self, session: &Session) -> Done {
        let was_open = !self.node(Node::Panel).hidden();
        let stick = !was_open || self.is_at_end();
        let had_focus = self.root.active_element().is_some();

        self.node(Node::Panel).set_hidden(!session.is_open());
        set_flag(&self.launcher, "aria-expanded", session.is_open())?;
        self.render_unread(session);

        let has_ended = session.ending().is_some();
        let was_ended = self.node(Node::Composer).hidden();
        self.node(Node::End).set_hidden(!session.has_session());
        // Disabled outright, it would lose the focus to nowhere.
        set_flag(self.node(Node::End), "aria-disabled", !session.is_idle())?;
        self.node(Node::Ended).set_hidden(!has_ended);
        self.node(Node::Composer).set_hidden(has_ended);
        self.say(self.node(Node::Ending), session.ending().map(texts::ending));

        // What is restored was said before, and is not news.
        let live = if session.is_restoring() {
            "off"
        } else {
            "polite"
        };
        set(self.node(Node::Log), &[("aria-live", live)])?;
        let sent_one = self.render_lines(session)?;
        self.node(Node::Hello).set_hidden(!self.lines.is_empty());
        let hello = if session.is_restoring() {
            texts::RESTORING
        } else {
            texts::HELLO
        };
        self.say(self.node(Node::HelloTitle), Some(hello));
        self.render_notice(session.notice())?;
        let challenge = session.is_challenged().then_some(texts::CHALLENGE);
        self.say(self.node(Node::ChallengeText), challenge);
        self.render_composer(session)?;

        if stick || sent_one {
            self.scroll_to_end();
        }
        // What had the focus may just have gone (Retry, or all that belongs to a live chat).
        let lost_focus = self.root.active_element().is_none() || was_ended != has_ended;
        if session.is_open() && had_focus && lost_focus {
            self.focus(true);
        }
        Ok(())
    }

    fn render_unread(&mut self, session: &Session) {
        let count = session.unread();
        let number = if count == 0 {
            String::new()
        } else {
            self.number(count)
        };
        set_text(&self.badge, &number);
        let spoken = if count == 0 {
            String::new()
        } else {
            [&self.host.text(texts::UNREAD), " ", &number].concat()
        };
        set_text(&self.unread, &spoken);

        let is_told = count > 0 && !session.is_visible();
        self.count_in_title(if is_told {
            ["(", &number, ") "].concat()
        } else {
            String::new()
        });
    }

    /// The page's title without what [`Self::count_in_title`] put in front.
    fn plain_title<'a>(&self, title: &'a str) -> &'a str {
        title.strip_prefix(&self.title_count).unwrap_or(title)
    }

    fn count_in_title(&mut self, count: String) {
        if self.title_count != count {
            let title = self.document.title();
            self.document
                .set_title(&(count.clone() + self.plain_title(&title)));
            self.title_count = count;
        }
    }

    /// Says whether a message of the visitor's was added.
    fn render_lines(&mut self, session: &Session) -> Result<bool, JsValue> {
        let mut sent_one = false;
        let mut index = 0;
        for entry in session.transcript().lines() {
            let message = &entry.message;
            let state = match message.delivery {
                _ if message.removed => State {
                    note: None,
                    class: "line removed",
                },
                Some(Delivery::Failed) => State {
                    note: Some(texts::UNDELIVERED),
                    class: FAILED,
                },
                Some(Delivery::Delivered) => State {
                    note: Some(texts::DELIVERED),
                    class: OWN,
                },
                _ if message.sender == Sender::Visitor => State {
                    note: Some(texts::SENT),
                    class: OWN,
                },
                _ => State {
                    note: entry.edited.then_some(texts::EDITED),
                    class: "line",
                },
            };
            let removed = message.removed.then(|| self.host.text(texts::REMOVED));
            let body = removed.as_deref().unwrap_or(&message.body);
            let key = entry.key.as_deref().unwrap_or(message.id.as_str());
            self.render_line(index, key, body, &message.created_at, state)?;
            index += 1;
        }
        for (message, is_sending) in session.outgoing() {
            let state = if is_sending {
                State {
                    note: Some(texts::SENDING),
                    class: OWN,
                }
            } else {
                State {
                    note: Some(texts::UNSENT),
                    class: FAILED,
                }
            };
            sent_one |= self.render_line(index, &message.key, &message.body, "", state)?;
            index += 1;
        }
        for line in self.lines.drain(index..) {
            line.node.remove();
        }
        Ok(sent_one)
    }

    /// Puts a line at its place, and says whether it is new. A line stays the same node for as long
    /// as it lives: it would be announced again otherwise.
    fn render_line(
        &mut self,
        index: usize,
        key: &str,
        body: &str,
        created_at: &str,
        state: State,
    ) -> Result<bool, JsValue> {
        let found = self.lines[index..].iter().position(|line| line.key == key);
        let mut line = match found {
            Some(ahead) => self.lines.remove(index + ahead),
            None => self.new_line(key)?,
        };
        if line.body != body {
            line.text.set_text_content(Some(body));
            body.clone_into(&mut line.body);
        }
        if line.created_at != created_at {
            line.time
                .set_text_content(Some(&self.host.time(created_at)));
            set(&line.time, &[("datetime", created_at)])?;
            created_at.clone_into(&mut line.created_at);
        }
        if line.state != Some(state) {
            let is_own = matches!(state.class, OWN | FAILED);
            let who = if is_own { texts::YOU } else { texts::SUPPORT };
            set_text(&line.who, &(self.host.text(who) + " "));
            self.say(&line.status, state.note);
            line.node.set_class_name(state.class);
            line.state = Some(state);
        }
        if found != Some(0) {
            let next = self.lines.get(index).map(|next| next.node.as_ref());
            self.node(Node::Log).insert_before(&line.node, next)?;
        }
        self.lines.insert(index, line);
        Ok(found.is_none())
    }

    fn new_line(&self, key: &str) -> Result<Line, JsValue> {
        let node = self.document.create_element("div")?;
        set(&node, &[("part", "message")])?;
        let who = self.make(&node, "span", "", &[("class", "spoken")])?;
        let text = self.make(&node, "p", "", &[("class", "text"), ("dir", "auto")])?;
        let meta = self.make(&node, "span", "", &[("class", "meta")])?;
        let time = self.make(&meta, "time", "", &[])?;
        let status = self.make(&meta, "span", "", &[("class", "status")])?;
        Ok(Line {
            key: key.to_owned(),
            node,
            who,
            text,
            time,
            status,
            body: String::new(),
            created_at: String::new(),
            state: None,
        })
    }

    /// The alert is made anew for each trouble, and so announced, but not for each second of a
    /// countdown.
    fn render_notice(&mut self, notice: Option<Notice>) -> Done {
        let shown = self
            .notice_shown
            .as_ref()
            .map(|shown| (shown.what, shown.retry.is_some()));
        if shown != notice.map(|notice| (notice.what, notice.can_retry)) {
            self.node(Node::Notice).set_text_content(None);
            self.notice_shown = match notice {
                Some(notice) => Some(self.new_notice(notice)?),
                None => None,
            };
        }
        if let (Some(notice), Some(shown)) = (notice, &self.notice_shown) {
            let wait = match notice.wait_s {
                Some(seconds) => [&self.host.text(texts::WAIT), " ", &minutes(seconds)].concat(),
                None => String::new(),
            };
            set_text(&shown.wait, &wait);
            if let Some(retry) = &shown.retry {
                retry.set_disabled(notice.wait_s.is_some());
            }
        }
        Ok(())
    }

    fn new_notice(&self, notice: Notice) -> Result<Shown, JsValue> {
        // Filled before it enters the page, so that all of it is announced as one.
        let alert = self.document.create_element("div")?;
        set(&alert, &[("role", "alert")])?;
        let text = self.make(&alert, "p", &self.host.text(notice.what.code()), &[])?;
        if matches!(
            notice.what,
            Trouble::Unreachable | Trouble::NotSent | Trouble::Unavailable | Trouble::NotAllowed
        ) {
            // The element's own content: other ways to get in touch.
            self.make(&text, "slot", "", &[])?;
        }
        let retry = if notice.can_retry {
            let retry = [("class", "retry"), ("name", "retry")];
            Some(
                self.make(&alert, "button", &self.host.text(texts::RETRY), &retry)?
                    .unchecked_into(),
            )
        } else {
            None
        };
        self.node(Node::Notice).append_child(&alert)?;
        let wait = self.make(self.node(Node::Notice), "span", "", &[("class", "wait")])?;
        Ok(Shown {
            what: notice.what,
            retry,
            wait,
        })
    }

    fn render_composer(&self, session: &Session) -> Done {
        let draft = session.draft();
        // Setting the value moves the caret and breaks a composition: only when it must change.
        if self.text().value() != draft {
            self.text().set_value(draft);
        }
        self.button(Node::Send).set_disabled(!session.can_send());

        let (hint, is_wrong) = match MessageBody::check(draft, DEFAULT_MAX_MESSAGE_CHARS) {
            Err(MessageBodyError::TooLong) => (texts::TOO_LONG, true),
            Err(MessageBodyError::ControlCharacter) => (texts::UNSENDABLE, true),
            Err(MessageBodyError::Empty) | Ok(()) => ("", false),
        };
        let hint = if is_wrong {
            self.host.text(hint)
        } else {
            String::new()
        };
        // No text has more scalar values than bytes, so most are never counted.
        let counted_from = DEFAULT_MAX_MESSAGE_CHARS - COUNTED_CHARS;
        let count = if draft.len() < counted_from {
            0
        } else {
            draft.chars().count()
        };
        let text = if count < counted_from {
            hint
        } else {
            let limit = self.number(DEFAULT_MAX_MESSAGE_CHARS);
            [self.number(count).as_str(), " / ", &limit, " ", &hint].concat()
        };
        set_text(self.node(Node::Hint), &text);
        set_flag(self.node(Node::Text), "aria-invalid", is_wrong)
    }

    fn is_at_end(&self) -> bool {
        let log = self.node(Node::Log);
        log.scroll_height() - log.scroll_top() - log.client_height() < 48
    }

    fn scroll_to_end(&self) {
        let log = self.node(Node::Log);
        log.set_scroll_top(log.scroll_height());
    }

    /// Shows one of [`texts`], or nothing.
    fn say(&self, node: &Element, key: Option<&str>) {
        set_text(
            node,
            &key.map(|key| self.host.text(key)).unwrap_or_default(),
        );
    }

    fn make(
        &self,
        parent: &Element,
        tag: &str,
        text: &str,
        attributes: &[(&str, &str)],
    ) -> Result<Element, JsValue> {
        make(&self.document, parent, tag, text, attributes)
    }

    fn number(&self, number: usize) -> String {
        self.host.number(u32::try_from(number).unwrap_or(u32::MAX))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.count_in_title(String::new());
    }
}

/// Adds an element to `parent`.
fn make(
    document: &Document,
    parent: &web_sys::Node,
    tag: &str,
    text: &str,
    attributes: &[(&str, &str)],
) -> Result<Element, JsValue> {
    let element = document.create_element(tag)?;
    element.set_text_content(Some(text));
    set(&element, attributes)?;
    parent.append_child(&element)?;
    Ok(element)
}

fn set(element: &Element, attributes: &[(&str, &str)]) -> Done {
    attributes
        .iter()
        .try_for_each(|(name, value)| element.set_attribute(name, value))
}

/// Touches the node only if its text changes: a live region announces what is set again. What the
/// node was told to say counts, not what a translator has made of it.
fn set_text(node: &Element, text: &str) {
    let said = JsValue::from_str("said");
    if Reflect::get(node, &said)
        .ok()
        .as_ref()
        .and_then(JsValue::as_string)
        .as_deref()
        != Some(text)
    {
        node.set_text_content(Some(text));
        // A node takes any property.
        let _ = Reflect::set(node, &said, &text.into());
    }
}

fn set_flag(element: &Element, name: &str, on: bool) -> Done {
    element.set_attribute(name, if on { "true" } else { "false" })
}

/// As on a clock: `0:09`, `12:30`.
fn minutes(seconds: u32) -> String {
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let pad = if seconds < 10 { ":0" } else { ":" };
    [
        decimal(minutes.into()).as_str(),
        pad,
        &decimal(seconds.into()),
    ]
    .concat()
}

#[wasm_bindgen]
extern "C" {
    /// A number as JavaScript writes it, without Rust's own formatting in the WASM.
    #[wasm_bindgen(js_name = String)]
    fn decimal(number: f64) -> String;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_of_the_panel_is_where_its_name_says_and_after_its_parent() {
        for (index, &(node, parent, ..)) in PANEL.iter().enumerate() {
            assert_eq!(node as usize, index);
            assert!(index == 0 || (parent as usize) < index, "{index}");
        }
    }

    #[test]
    fn every_element_of_the_panel_has_a_place() {
        assert_eq!(PANEL.len(), Node::Hint as usize + 1);
    }
}
