//! Tests that need a browser's own objects, in Chromium: the view on a real DOM, and JSON as the
//! browser parses it. `cargo xtask test widget` runs them. The Playwright tests in `end2end/widget`
//! cover what visitors see.

use app::contract::{Delivery, Message, PollMessagesResponse, SendMessageResponse, Sender};
use js_sys::{Function, JSON, Reflect, eval};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{HtmlElement, ShadowRoot};

use crate::{
    host::Host,
    json::Read,
    samples::{own, staff},
    session::{Batch, Credentials, Event, Failure, Now, Page, Session, Signals},
    view::View,
};

wasm_bindgen_test_configure!(run_in_browser);

/// A page with an element, and a host whose texts are their keys.
const STAGE: &str = r"(() => {
    const element = document.body.appendChild(document.createElement('div'));
    const root = element.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('dialog:not([hidden]) { display: block }');
    root.adoptedStyleSheets = [sheet];
    const launcher = root.appendChild(document.createElement('div')).appendChild(document.createElement('button'));
    const host = {
        language: 'en',
        text: key => host.language + ' ' + key,
        number: String,
        time: at => at,
        fill: (node, text) => (node.textContent = text),
        consent: () => {},
        cover: () => {},
    };
    return { root, launcher, host };
})()";

/// The view, and the session that it shows.
struct Stage {
    root: ShadowRoot,
    host: Host,
    view: View,
    session: Session,
}

impl Stage {
    /// An open chat with a session whose polls the server lets wait.
    fn new() -> Self {
        let stage = eval(STAGE).unwrap();
        let part = |name: &str| Reflect::get(&stage, &name.into()).unwrap();
        let root: ShadowRoot = part("root").unchecked_into();
        let host: Host = part("host").unchecked_into();
        let launcher: HtmlElement = part("launcher").unchecked_into();
        let document = root.owner_document().unwrap();
        let view = View::new(host.clone(), &document, root.clone(), launcher).unwrap();
        let credentials = Credentials {
            session_id: "s".to_owned().into(),
            token: "t".to_owned(),
        };
        let mut stage = Self {
            root,
            host,
            view,
            session: Session::new(Some(credentials), true),
        };
        stage.on(Event::Opened);
        stage
    }

    fn on(&mut self, event: Event) {
        let now = Now {
            ms: 0.0,
            random: 0.0,
        };
        self.session.handle(event, now);
        self.view.render(&self.session).unwrap();
    }

    fn polled(&mut self, messages: Vec<Message>) {
        self.on(Event::Polled(Ok(Batch {
            messages,
            can_wait_s: 25,
            more: false,
            signals: Signals::default(),
        })));
    }

    /// Evaluates JavaScript on the shadow root.
    fn say(&self, expression: &str) -> JsValue {
        let body = ["return ", expression].concat();
        let function = Function::new_with_args("root", &body);
        function.call1(&JsValue::NULL, &self.root).unwrap()
    }

    fn text(&self, expression: &str) -> String {
        self.say(expression).as_string().unwrap()
    }

    /// The texts in the log, from top to bottom.
    fn lines(&self) -> String {
        self.text(
            "[...root.querySelectorAll('[role=log] .text')].map(it => it.textContent).join('|')",
        )
    }

    /// The name of the element that has the focus.
    fn focused(&self) -> String {
        self.text("root.activeElement.name || root.activeElement.localName")
    }
}

#[wasm_bindgen_test]
fn a_message_is_text_whatever_is_in_it() {
    let mut stage = Stage::new();
    let markup = "<img src=x onerror=alert(1)><b>&amp;</b>\n<!-- -->\u{202e}]]>";
    stage.polled(vec![staff("1", markup)]);
    assert_eq!(stage.lines(), markup);
    let nodes = "[...root.querySelector('.text').childNodes].map(it => it.nodeType).join()";
    assert_eq!(stage.text(nodes), "3", "one text node");
}

#[wasm_bindgen_test]
fn a_line_moves_to_its_place_as_the_node_that_it_is() {
    let mut stage = Stage::new();
    stage.on(Event::Drafted("mine".to_owned()));
    let (key, page) = ("key".to_owned(), Page::default());
    stage.on(Event::Submitted { key, page });
    stage.say("(root.mine = root.querySelector('[role=log] > *'), 0)");
    stage.on(Event::Sent(Ok(SendMessageResponse {
        message_id: "2".to_owned().into(),
        created_at: "2026-05-23T00:00:00.000Z".to_owned(),
    })));
    assert_eq!(stage.lines(), "mine");
    stage.polled(vec![
        staff("1", "theirs"),
        own("2", "mine", Delivery::Delivered),
    ]);
    assert_eq!(stage.lines(), "theirs|mine");
    assert_eq!(
        stage.say("root.querySelectorAll('[role=log] > *')[1] === root.mine"),
        true
    );
}

#[wasm_bindgen_test]
fn what_is_shown_already_is_not_touched() {
    let mut stage = Stage::new();
    stage.polled(vec![
        own("1", "Hello", Delivery::Delivered),
        staff("2", "Hi"),
    ]);
    stage.say(
        "(root.log = root.querySelector('[role=log]'), root.seen = new MutationObserver(() => {}), \
         root.seen.observe(root.log, { childList: true, characterData: true, subtree: true }))",
    );
    stage.on(Event::Drafted("typing".to_owned()));
    stage.polled(vec![staff("2", "Hi")]);
    assert_eq!(stage.say("root.seen.takeRecords().length"), 0);
    // With the panel open, the reply would be seen.
    stage.polled(vec![staff("3", "Anyone?")]);
    assert_eq!(stage.say("root.seen.takeRecords().length"), 1);
}

#[wasm_bindgen_test]
fn another_language_says_everything_anew_on_the_same_nodes() {
    let mut stage = Stage::new();
    stage.polled(vec![own("1", "Hello", Delivery::Delivered)]);
    stage.view.focus(true);
    stage.say("(root.nodes = [...root.querySelectorAll('*')], 0)");
    let left = |stage: &Stage, language: &str| {
        let all = "[...root.querySelectorAll('*')].flatMap(it => [...it.childNodes, ...it.attributes])\
                   .map(it => it.nodeValue).filter(it => it?.startsWith('LANGUAGE ')).length";
        stage.say(&all.replace("LANGUAGE", language))
    };
    let said = left(&stage, "en");
    assert!(said.as_f64() > Some(10.0), "{said:?}");

    Reflect::set(&stage.host, &"language".into(), &"de".into()).unwrap();
    stage.view.translate().unwrap();
    stage.view.render(&stage.session).unwrap();
    assert_eq!(left(&stage, "en"), 0);
    assert_eq!(left(&stage, "de"), said);
    assert_eq!(stage.say("root.nodes.every(it => it.isConnected)"), true);
    assert_eq!(stage.focused(), "textarea");
}

#[wasm_bindgen_test]
fn the_focus_goes_on_where_the_visitor_does() {
    let mut stage = Stage::new();
    stage.view.focus(true);
    assert_eq!(stage.focused(), "textarea");
    // The retry button disappears with the trouble that it was for.
    stage.on(Event::EndConfirmed);
    stage.on(Event::Ended(Err(Failure::Network)));
    stage.say("root.querySelector('[name=retry]').focus()");
    assert_eq!(stage.focused(), "retry");
    stage.on(Event::EndConfirmed);
    assert_eq!(stage.focused(), "textarea");
    // The composer disappears with the conversation.
    stage.on(Event::Ended(Ok(())));
    assert_eq!(stage.focused(), "restart");
    stage.view.focus(false);
    assert_eq!(
        stage.text("root.activeElement.getAttribute('aria-expanded')"),
        "true"
    );
}

#[wasm_bindgen_test]
fn answers_are_read_by_the_contract_whatever_else_is_in_them() {
    let read = |text: &str| PollMessagesResponse::read(&JSON::parse(text).unwrap());
    let answer = read(
        r#"{"later": [1], "messages": [
            {"body": "b", "new": {"x": null}, "createdAt": "c", "sender": "staff", "id": "i"},
            {"id": "j", "sender": "visitor", "body": "", "createdAt": "d", "delivery": "failed",
             "replaces": null, "removed": true}]}"#,
    );
    let [first, second] = <[Message; 2]>::try_from(answer.unwrap().messages).unwrap();
    assert_eq!((first.id.as_str(), first.body.as_str()), ("i", "b"));
    assert_eq!((first.sender, first.delivery), (Sender::Staff, None));
    assert_eq!((first.replaces, first.removed), (None, false));
    assert_eq!(
        (second.sender, second.delivery),
        (Sender::Visitor, Some(Delivery::Failed))
    );
    assert_eq!((second.replaces, second.removed), (None, true));

    for unreadable in [
        "null",
        "[]",
        "{}",
        r#"{"messages": {}}"#,
        r#"{"messages": [{"id": 1, "sender": "staff", "body": "", "createdAt": ""}]}"#,
        r#"{"messages": [{"id": "1", "sender": "nobody", "body": "", "createdAt": ""}]}"#,
        r#"{"messages": [{"id": "1", "sender": "staff", "createdAt": ""}]}"#,
    ] {
        assert!(read(unreadable).is_err(), "{unreadable}");
    }
}
