//! Shows the state machine's state in the DOM. Texts are always inserted as text, never as HTML.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use wasm_bindgen::prelude::*;
use web_sys::{
    Document, Element, EventTarget, HtmlButtonElement, HtmlDialogElement, HtmlElement,
    HtmlTextAreaElement, ShadowRoot, Window,
};

use crate::{host::Host, session::Session, texts};

mod composer;
mod dom;
mod lines;
mod notice;
mod panel;

use dom::{Done, decimal, make, set, set_flag, set_text};
use lines::Line;
use notice::Shown;
use panel::{Node, PANEL, WORDS};

/// The panel, and the launcher's badge.
pub(crate) struct View {
    host: Host,
    document: Document,
    root: ShadowRoot,
    launcher: HtmlElement,
    badge: Element,
    /// Tells screen readers what the badge shows while the panel is closed.
    unread: Element,
    /// The elements of [`PANEL`].
    nodes: Vec<HtmlElement>,
    lines: Vec<Line>,
    notice_shown: Option<Shown>,
    /// How many replies have arrived below the visible part of the log.
    below: usize,
    /// The prefix of the page's title while something is unread, such as `(2) `.
    title_count: String,
}

impl View {
    /// Builds the closed panel.
    pub(crate) fn new(
        host: Host,
        document: &Document,
        root: ShadowRoot,
        launcher: HtmlElement,
    ) -> Result<Self, JsValue> {
        // The badge is beside the launcher, so that it is not part of the launcher's name.
        let around = launcher.parent_element().ok_or(JsValue::NULL)?;
        let badge = make(document, &around, "span", "", &[("class", "badge")])?;
        let unread = [("class", "spoken"), ("id", "unread"), ("role", "status")];
        let unread = make(document, &around, "span", "", &unread)?;
        set(&badge, &[("aria-hidden", "true")])?;
        set(&launcher, &[("aria-describedby", "unread")])?;

        let mut nodes: Vec<HtmlElement> = Vec::with_capacity(PANEL.len());
        for &(_, parent, tag, _, attributes) in PANEL {
            let parent: &web_sys::Node = match nodes.get(parent as usize) {
                Some(parent) => parent,
                None => &around,
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
            below: 0,
            title_count: String::new(),
        };
        view.translate()?;
        Ok(view)
    }

    /// Sets all texts in the host's current language, except those that depend on the session.
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
        let (language, direction) = (self.host.get("language"), self.host.text(texts::DIR));
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

    /// The composer's text.
    pub(crate) fn composed_text(&self) -> String {
        self.text().value()
    }

    /// The node for a challenge.
    pub(crate) fn challenge_box(&self) -> &HtmlElement {
        self.node(Node::Challenge)
    }

    pub(crate) fn is_composer(&self, target: Option<&EventTarget>) -> bool {
        target == Some(self.text().as_ref())
    }

    pub(crate) fn is_launcher(&self, target: Option<&EventTarget>) -> bool {
        target == Some(self.launcher.as_ref())
    }

    /// The name and value of the panel's button that a click has hit, even if a translator has
    /// wrapped its text in other elements. Clicks in the page's own slots are ignored.
    pub(crate) fn button_at(&self, target: Option<EventTarget>) -> Option<(String, String)> {
        let target: Element = target?.unchecked_into();
        let button = target.closest("[name]").ok()??;
        if !self.root.contains(Some(&button)) {
            return None;
        }
        let value = button.get_attribute("value").unwrap_or_default();
        Some((button.get_attribute("name")?, value))
    }

    /// The page's title, without our own count of unread messages.
    pub(crate) fn page_title(&self) -> String {
        self.plain_title(&self.document.title()).to_owned()
    }

    /// The element of the panel, and the one that scrolls.
    pub(crate) fn panel_and_log(&self) -> [&HtmlElement; 2] {
        [self.node(Node::Panel), self.node(Node::Log)]
    }

    /// Makes the panel modal while it covers the page, since the focus could get lost behind it.
    fn cover(&self) {
        let panel: &HtmlDialogElement = self.node(Node::Panel).unchecked_ref();
        let page = self.document.document_element();
        let page_width = page.map_or(i32::MAX, |page| page.client_width());
        let covers = !panel.hidden() && panel.offset_width() >= page_width;
        if covers == panel.open() {
            return;
        }
        let focused = self.root.active_element();
        if covers {
            // This fails only outside of a document, where the panel covers nothing.
            drop(panel.show_modal());
        } else {
            panel.close();
        }
        drop(set_flag(panel, "aria-modal", covers));
        self.host.cover(covers);
        // The browser has moved the focus.
        if let Some(focused) = focused {
            drop(focused.unchecked_into::<HtmlElement>().focus());
        }
    }

    /// Moves the focus to the answer that changes nothing, or back to the button that asked.
    pub(crate) fn focus_end(&self, is_asked: bool) {
        let node = if is_asked { Node::Stay } else { Node::End };
        drop(self.node(node).focus());
    }

    /// The visitor has scrolled.
    pub(crate) fn scrolled(&mut self) {
        if self.below > 0 && self.is_at_end() {
            self.below = 0;
            self.render_below();
        }
    }

    /// Scrolls to the newest line.
    pub(crate) fn show_newest(&self) {
        self.scroll_to_end();
        drop(self.node(Node::Log).focus());
    }

    fn render_below(&self) {
        let newest = self.node(Node::Newest);
        newest.set_hidden(self.below == 0);
        if self.below > 0 {
            set_text(newest, &self.unread_text(self.below));
        }
    }

    fn unread_text(&self, count: usize) -> String {
        [&self.host.text(texts::UNREAD), " ", &self.number(count)].concat()
    }

    /// Moves the focus into the panel, or back to the launcher.
    pub(crate) fn focus(&self, into_panel: bool) {
        let target: &HtmlElement = match into_panel {
            false => &self.launcher,
            true if self.node(Node::Composer).hidden() => self.node(Node::Restart),
            true => self.node(Node::Text),
        };
        // The chat works without a focus, so a failure is ignored.
        drop(target.focus());
    }

    /// On a phone, keeps the full-height panel above the on-screen keyboard, which covers the page
    /// without resizing it.
    pub(crate) fn fit(&self, window: &Window) {
        self.cover();
        let Some(viewport) = window.visual_viewport() else {
            return;
        };
        // When the visitor has zoomed in, the panel must not follow the visible part.
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

    /// Shows `session`. Nodes whose content does not change are not touched.
    pub(crate) fn render(&mut self, session: &Session) -> Done {
        let was_open = !self.node(Node::Panel).hidden();
        let stick = !was_open || self.is_at_end();
        let had_focus = self.root.active_element().is_some();

        self.node(Node::Panel).set_hidden(!session.is_open());
        set_flag(&self.launcher, "aria-expanded", session.is_open())?;
        self.render_unread(session);

        let has_ended = session.ending().is_some();
        let was_ended = self.node(Node::Composer).hidden();
        let is_asked = session.is_end_asked();
        self.node(Node::End)
            .set_hidden(!session.has_session() || is_asked);
        self.node(Node::Sound).set_hidden(!session.has_session());
        self.node(Node::Confirm).set_hidden(!is_asked);
        // A disabled button would lose the focus.
        set_flag(self.node(Node::End), "aria-disabled", !session.is_idle())?;
        self.node(Node::Ended).set_hidden(!has_ended);
        self.node(Node::Composer).set_hidden(has_ended);
        self.say(self.node(Node::Ending), session.ending().map(texts::ending));

        // Restored entries were shown on an earlier page, so they are not announced.
        let live = if session.is_restoring() {
            "off"
        } else {
            "polite"
        };
        set(self.node(Node::Log), &[("aria-live", live)])?;
        let added = self.render_lines(session)?;
        let undelivered = added.is_undelivered.then_some(texts::UNDELIVERED);
        self.say(self.node(Node::Said), undelivered);
        // A chat that ended before this page view has no readable lines, and no place below to
        // write in.
        self.node(Node::Hello)
            .set_hidden(has_ended || !self.lines.is_empty());
        let hello = if session.is_restoring() {
            texts::RESTORING
        } else {
            texts::HELLO
        };
        self.say(self.node(Node::HelloTitle), Some(hello));
        // Screen readers announce it once, and not again before there is an answer.
        let live = if session.typing_was_told() {
            "off"
        } else {
            "polite"
        };
        let typing = session.staff_type().then_some(texts::TYPING);
        set(self.node(Node::Typing), &[("aria-live", live)])?;
        self.say(self.node(Node::Typing), typing);
        self.render_notice(session.notice())?;
        let challenge = session.is_challenged().then_some(texts::CHALLENGE);
        self.say(self.node(Node::ChallengeText), challenge);
        let has_begun = has_ended || session.has_session();
        self.host.consent(self.node(Node::Consent), !has_begun);
        self.render_composer(session)?;

        if stick || added.is_own {
            self.scroll_to_end();
            self.below = 0;
        } else {
            self.below += added.replies;
        }
        self.render_below();
        // The element that had the focus may have been removed, for instance the retry button.
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
            self.unread_text(count)
        };
        set_text(&self.unread, &spoken);

        let is_told = count > 0 && !session.is_visible();
        self.count_in_title(if is_told {
            ["(", &number, ") "].concat()
        } else {
            String::new()
        });
    }

    /// The page's title without the prefix of [`Self::count_in_title`].
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
        self.host.cover(false);
    }
}
