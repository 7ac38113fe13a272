//! Connects the state machine with the browser: passes events to the machine, and carries out its
//! effects.
//!
//! A [`Driver`] owns everything that it has started (listeners, timers, requests), and dropping it
//! ends all of that. Callbacks of the browser hold it weakly.

use alloc::{
    rc::{Rc, Weak},
    string::String,
    vec::Vec,
};
use core::cell::{Cell, RefCell};

use js_sys::{Date, Function, Math, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{
    AbortController, AddEventListenerOptions, EventTarget, HtmlElement, KeyboardEvent, ShadowRoot,
    VisibilityState, Window,
};

use crate::{
    client::Exchange,
    host::Host,
    session::{Effect, Event, News, Now, Session, Timer},
    storage,
    timeout::Timeout,
    view::View,
};

mod page;
mod requests;

/// The chat of one element on the page.
pub(crate) struct Driver {
    me: Weak<Self>,
    /// A reference to itself, until it is destroyed.
    alive: Cell<Option<Rc<Self>>>,
    host: Host,
    window: Window,
    api_url: String,
    view: RefCell<View>,
    session: RefCell<Session>,
    /// Events that came while another was being handled, since moving the focus can cause some.
    events: Cell<Vec<Event>>,
    is_handling: Cell<bool>,
    poll_timer: Cell<Option<Timeout>>,
    countdown: Cell<Option<Timeout>>,
    poll: Cell<Option<Exchange>>,
    action: Cell<Option<Exchange>>,
    /// The JSON of the last answer, which contains the problem if there is one to solve.
    answer: Cell<JsValue>,
    /// Removes the listeners when it is dropped.
    listening: AbortController,
    /// The callback for all events.
    listener: Function,
    _listener: Closure<dyn Fn(web_sys::Event)>,
}

impl Driver {
    /// Listens at `root` for the visitor's actions, and for the element's own events: `opened` and
    /// `closed`, `translate` (the host has changed its language), `resume` (the tab stores another
    /// conversation), `read` (another tab has shown what was unread) and `destroy`.
    pub(crate) fn start(
        host: Host,
        root: &ShadowRoot,
        launcher: HtmlElement,
    ) -> Result<(), JsValue> {
        let document = root.owner_document().ok_or(JsValue::NULL)?;
        let window = document.default_view().ok_or(JsValue::NULL)?;
        let navigator = window.navigator();
        let session = Session::new(None, navigator.on_line());
        let view = View::new(host.clone(), &document, root.clone(), launcher)?;
        let listening = AbortController::new()?;

        let driver = Rc::new_cyclic(|me: &Weak<Self>| {
            let weak = me.clone();
            let listener = Closure::<dyn Fn(web_sys::Event)>::new(move |event| {
                if let Some(driver) = weak.upgrade() {
                    driver.heard(&event);
                }
            });
            Self {
                me: me.clone(),
                alive: Cell::default(),
                api_url: host.get("apiUrl"),
                listener: host.guard(listener.as_ref().unchecked_ref()),
                _listener: listener,
                host,
                window: window.clone(),
                view: RefCell::new(view),
                session: RefCell::new(session),
                events: Cell::default(),
                is_handling: Cell::default(),
                poll_timer: Cell::default(),
                countdown: Cell::default(),
                poll: Cell::default(),
                action: Cell::default(),
                answer: Cell::default(),
                listening,
            }
        });

        for name in [
            "click",
            "input",
            "look",
            "keydown",
            "keypress",
            "keyup",
            "proof",
            "opened",
            "closed",
            "translate",
            "resume",
            "read",
            "destroy",
        ] {
            driver.listen(root, name)?;
        }
        for name in ["online", "offline", "pagehide", "pageshow"] {
            driver.listen(&window, name)?;
        }
        driver.listen(&document, "visibilitychange")?;
        let [panel, log] = driver.view.borrow().panel_and_log().map(Clone::clone);
        driver.listen(&panel, "cancel")?;
        driver.listen(&log, "scroll")?;
        if let Some(viewport) = window.visual_viewport() {
            driver.listen(&viewport, "resize")?;
            driver.listen(&viewport, "scroll")?;
        }
        driver.resume();
        driver.alive.set(Some(driver.clone()));
        Ok(())
    }

    /// Begins with what the tab stores.
    fn resume(&self) {
        self.action.take();
        self.challenge("");
        let (stored, unsent) = (storage::session(&self.host), storage::unsent(&self.host));
        let read = storage::read(&self.host);
        let effects = self
            .session
            .borrow_mut()
            .resume(stored, unsent, read, now());
        self.carry_out(effects, &mut Vec::new());
    }

    /// Opens or closes the panel.
    fn set_open(&self, open: bool) {
        if self.session.borrow().is_open() == open {
            return;
        }
        self.handle(if open { Event::Opened } else { Event::Closed });
        self.view.borrow().focus(open);
    }

    /// Shows all texts in the host's new language.
    fn translate(&self) {
        let mut view = self.view.borrow_mut();
        // This fails only if the page has broken the DOM's own methods.
        let _ = view.translate();
        let _ = view.render(&self.session.borrow());
    }

    fn listen(&self, target: &EventTarget, name: &str) -> Result<(), JsValue> {
        let options = AddEventListenerOptions::new();
        options.set_signal(&self.listening.signal());
        target.add_event_listener_with_callback_and_add_event_listener_options(
            name,
            &self.listener,
            &options,
        )
    }

    fn heard(&self, event: &web_sys::Event) {
        match event.type_().as_str() {
            "click" => self.clicked(event),
            "input" => {
                let text = self.view.borrow().composed_text();
                self.handle(Event::Drafted(text));
            }
            "keydown" | "keypress" | "keyup" => {
                // Otherwise the page's keyboard shortcuts would react to what is typed in the
                // panel.
                if !self.view.borrow().is_launcher(event.target().as_ref()) {
                    event.stop_propagation();
                }
                if event.type_() == "keydown" {
                    self.pressed(event.unchecked_ref());
                }
            }
            // The browser itself closes a modal dialog, for instance by Android's back gesture.
            "cancel" => {
                event.prevent_default();
                self.host.close();
            }
            "loadend" => self.answered(event),
            "proof" => {
                let detail = Reflect::get(event, &"detail".into());
                self.solved(detail.ok().and_then(|it| it.as_string()));
            }
            "opened" => self.set_open(true),
            "closed" => self.set_open(false),
            "translate" => self.translate(),
            "resume" => self.resume(),
            "read" => self.handle(Event::Read),
            "destroy" => drop(self.alive.take()),
            "online" => self.handle(Event::Online(true)),
            "offline" => self.handle(Event::Online(false)),
            "pagehide" => self.handle(Event::Left),
            // A page that returns from the back-forward cache has missed events for a while.
            "visibilitychange" | "pageshow" | "look" => {
                // Another page of the tab may have continued the conversation.
                if self.host.is_stale() {
                    self.resume();
                }
                let document = self.window.document();
                let visible =
                    document.is_some_and(|it| it.visibility_state() == VisibilityState::Visible);
                self.handle(Event::Visible(visible));
            }
            "scroll" if event.target().as_ref() == Some(self.view.borrow().panel_and_log()[1]) => {
                self.view.borrow_mut().scrolled();
            }
            _ => self.view.borrow().fit(&self.window),
        }
    }

    fn clicked(&self, event: &web_sys::Event) {
        let button = self.view.borrow().button_at(event.target());
        let Some((name, value)) = button else { return };
        match name.as_str() {
            "send" => self.send(),
            "retry" => {
                self.handle(Event::Retried {
                    key: self.host.key(),
                    page: self.page(),
                });
                self.view.borrow().focus(true);
            }
            "again" => {
                self.handle(Event::Repeated {
                    id: value,
                    key: self.host.key(),
                    page: self.page(),
                });
                self.view.borrow().focus(true);
            }
            "newest" => self.view.borrow().show_newest(),
            "end" => {
                self.handle(Event::EndAsked);
                self.view.borrow().focus_end(true);
            }
            "sure" => {
                self.handle(Event::EndConfirmed);
                self.view.borrow().focus_end(false);
            }
            "stay" => self.stay(),
            "restart" => {
                self.handle(Event::Restarted);
                self.view.borrow().focus(true);
            }
            "sound" => self.host.sound(),
            "close" => self.host.close(),
            _ => {}
        }
    }

    /// The visitor has decided not to end the conversation.
    fn stay(&self) {
        self.handle(Event::EndDropped);
        self.view.borrow().focus_end(false);
    }

    fn pressed(&self, event: &KeyboardEvent) {
        // While an input method is composing, it handles its keys itself. (Safari ends the
        // composition before the Enter that ended it, which has this key code.)
        if event.is_composing() || event.key_code() == 229 {
            return;
        }
        match event.key().as_str() {
            "Enter"
                if !event.shift_key()
                    && self.view.borrow().is_composer(event.target().as_ref()) =>
            {
                event.prevent_default();
                self.send();
            }
            "Escape" if self.session.borrow().is_open() => {
                // Escape would close a modal dialog, too.
                event.prevent_default();
                if self.session.borrow().is_end_asked() {
                    self.stay();
                } else {
                    self.host.close();
                }
            }
            _ => {}
        }
    }

    fn send(&self) {
        self.handle(Event::Submitted {
            key: self.host.key(),
            page: self.page(),
        });
        self.view.borrow().focus(true);
    }

    fn handle(&self, event: Event) {
        let mut events = self.events.take();
        events.push(event);
        self.events.set(events);
        if self.is_handling.replace(true) {
            return;
        }
        let mut news = Vec::new();
        loop {
            let events = self.events.take();
            if events.is_empty() {
                break;
            }
            for event in events {
                let effects = self.session.borrow_mut().handle(event, now());
                self.carry_out(effects, &mut news);
            }
        }
        self.view.borrow().fit(&self.window);
        self.is_handling.set(false);
        // Listeners are told last, so that they see the final state and may use the driver.
        for it in news {
            self.tell(&it);
        }
    }

    fn carry_out(&self, effects: Vec<Effect>, news: &mut Vec<News>) {
        for effect in effects {
            match effect {
                Effect::Tell(it) => news.push(it),
                Effect::Ask(request) => self.ask(request),
                Effect::CancelPoll => drop(self.poll.take()),
                Effect::Challenge(site_key) => self.challenge(&site_key),
                Effect::Prove => self.host.prove(&self.answer.take()),
                Effect::SetTimer(timer, ms) => self.set_timer(timer, ms),
                Effect::Remember(credentials) => storage::remember(&self.host, &credentials),
                Effect::Forget => storage::forget(&self.host),
                Effect::Mark(id) => storage::mark(&self.host, &id),
                Effect::Keep(json) => storage::keep_unsent(&self.host, &json),
            }
        }
        // This fails only if the page has broken the DOM's own methods.
        let _ = self.view.borrow_mut().render(&self.session.borrow());
    }

    fn set_timer(&self, timer: Timer, ms: f64) {
        let slot = match timer {
            Timer::Poll => &self.poll_timer,
            Timer::Countdown => &self.countdown,
        };
        let me = self.me.clone();
        let timeout = Timeout::new(&self.host, ms, move || {
            if let Some(driver) = me.upgrade() {
                driver.handle(Event::TimerExpired(timer));
            }
        });
        slot.set(Some(timeout));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.listening.abort();
        self.challenge("");
    }
}

fn now() -> Now {
    Now {
        ms: Date::now(),
        random: Math::random(),
    }
}
