//! A `setTimeout` that is cleared when it is dropped.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::host::Host;

#[wasm_bindgen]
extern "C" {
    /// Browsers choose the timer's id, which does not have to fit into an `i32`.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(call: &Function, ms: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// A pending call.
pub(crate) struct Timeout {
    id: JsValue,
    _call: Closure<dyn FnMut()>,
}

impl Timeout {
    pub(crate) fn new(host: &Host, ms: f64, call: impl FnOnce() + 'static) -> Self {
        let call = Closure::once(call);
        // Browsers treat longer delays as zero.
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
