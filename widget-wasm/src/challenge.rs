//! The challenge of Cloudflare's Turnstile, for servers that ask for one before the first message.
//! Nothing of it is loaded, and Cloudflare hears of nobody, before a server asks.

use alloc::string::String;

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, Window};

const SCRIPT: &str = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit";

/// What the script makes. Without it, calling these throws.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = turnstile, catch)]
    fn render(container: &Element, options: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = turnstile, catch)]
    fn remove(id: &JsValue) -> Result<(), JsValue>;
}

/// A challenge in the panel. Dropping it takes it away.
pub(crate) struct Challenge {
    container: Element,
    site_key: String,
    /// By what the script knows it, once it shows it.
    id: Option<JsValue>,
    passed: Closure<dyn Fn(JsValue)>,
    failed: Closure<dyn Fn(JsValue)>,
}

impl Challenge {
    /// A challenge in `parent`, not shown yet. `answer` gets the token, or nothing if there will
    /// be none.
    pub(crate) fn new(
        document: &Document,
        parent: &Element,
        site_key: String,
        answer: impl Fn(Option<String>) + Clone + 'static,
    ) -> Result<Self, JsValue> {
        let container = document.create_element("div")?;
        parent.append_child(&container)?;
        let passed = answer.clone();
        Ok(Self {
            container,
            site_key,
            id: None,
            passed: Closure::new(move |token: JsValue| passed(token.as_string())),
            failed: Closure::new(move |_| answer(None)),
        })
    }

    /// Shows it. It fails without the script, and with a site key that is none.
    pub(crate) fn show(&mut self) -> Result<(), JsValue> {
        let options = Object::new();
        let failed = self.failed.as_ref();
        for (name, value) in [
            ("sitekey", &self.site_key.as_str().into()),
            ("callback", self.passed.as_ref()),
            ("error-callback", failed),
            ("expired-callback", failed),
        ] {
            Reflect::set(&options, &name.into(), value)?;
        }
        self.id = Some(render(&self.container, &options)?);
        Ok(())
    }
}

impl Drop for Challenge {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            // What it fails at is gone already.
            let _ = remove(id);
        }
        self.container.remove();
    }
}

/// Whether the page has the script: once is enough for as long as it lives.
pub(crate) fn is_loaded(window: &Window) -> bool {
    Reflect::has(window, &"turnstile".into()).unwrap_or(false)
}

/// Starts loading the script, and gives what fires `load` or `error` when that is over.
pub(crate) fn load(document: &Document) -> Result<Element, JsValue> {
    let script = document.create_element("script")?;
    script.set_attribute("src", SCRIPT)?;
    document
        .head()
        .ok_or(JsValue::NULL)?
        .append_child(&script)?;
    Ok(script)
}
