//! `setTimeout`, owned: dropping it clears it.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::host::Host;

#[wasm_bindgen]
extern "C" {
    /// What a timer is known by is the browser's affair: it need not fit into an `i32`.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(call: &Function, ms: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// A call that is to come.
pub(crate) struct Timeout {
    id: JsValue,
    _call: Closure<dyn FnMut()>,
}

impl Timeout {
    pub(crate) fn new(host: &Host, ms: f64, call: impl FnOnce() + 'static) -> Self {
        let call = Closure::once(call);
        // What is longer, browsers take for nothing at all.
        let ms = ms.min(f64::from(i32::MAX));
        Self {
            id: set_timeout(&host.guard(call.as_ref().unchecked_ref()), ms),
            _call: call,
        }
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        clear_timeout(&self.id);
    }
}
