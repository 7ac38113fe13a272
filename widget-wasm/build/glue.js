// Removes the parts of wasm-bindgen's JavaScript that the widget does not need. Together they are
// 350 bytes of the cost of opening the chat.

/**
 * The parts and their replacements. Each must occur exactly as often as stated, or the build fails:
 * a new version of wasm-bindgen has changed its output, and somebody has to look at it.
 */
export const SPARED = [
  // Support for closures that are never dropped. The widget drops all of its own.
  [1, `const CLOSURE_DTORS = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(state => wasm.__wbindgen_destroy_closure(state.a, state.b));
`, ""],
  [2, "CLOSURE_DTORS.register(real, state, state);", ""],
  [2, "CLOSURE_DTORS.unregister(state);", ""],
  // A faster path for ASCII texts.
  [1, `
    if (realloc === undefined) {
        const buf = cachedTextEncoder.encode(arg);
        const ptr = malloc(buf.length, 1) >>> 0;
        getUint8ArrayMemory0().subarray(ptr, ptr + buf.length).set(buf);
        WASM_VECTOR_LEN = buf.length;
        return ptr;
    }

    let len = arg.length;
    let ptr = malloc(len, 1) >>> 0;

    const mem = getUint8ArrayMemory0();

    let offset = 0;

    for (; offset < len; offset++) {
        const code = arg.charCodeAt(offset);
        if (code > 0x7F) break;
        mem[ptr + offset] = code;
    }
    if (offset !== len) {
        if (offset !== 0) {
            arg = arg.slice(offset);
        }
        ptr = realloc(ptr, len, len = offset + arg.length * 3, 1) >>> 0;
        const view = getUint8ArrayMemory0().subarray(ptr + offset, ptr + len);
        const ret = cachedTextEncoder.encodeInto(arg, view);

        offset += ret.written;
        ptr = realloc(ptr, len, offset, 1) >>> 0;
    }

    WASM_VECTOR_LEN = offset;
    return ptr;
`, `
    const buf = cachedTextEncoder.encode(arg);
    const ptr = malloc(buf.length, 1) >>> 0;
    getUint8ArrayMemory0().subarray(ptr, ptr + buf.length).set(buf);
    WASM_VECTOR_LEN = buf.length;
    return ptr;
`],
  [1, `
if (!('encodeInto' in cachedTextEncoder)) {
    cachedTextEncoder.encodeInto = function (arg, view) {
        const buf = cachedTextEncoder.encode(arg);
        view.set(buf);
        return {
            read: arg.length,
            written: buf.length
        };
    };
}
`, ""],
  // A workaround for old Safari, needed only after decoding two gigabytes of text.
  [1, `
    numBytesDecoded += bytes.length;
    if (numBytesDecoded >= MAX_SAFARI_DECODE_BYTES) {
        cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
        cachedTextDecoder.decode();
        numBytesDecoded = bytes.length;
    }
`, ""],
  // Shorter forms of the same code.
  [1, `
    if (module !== undefined) {
        if (Object.getPrototypeOf(module) === Object.prototype) {
            ({module} = module)
        } else {
            console.warn('using deprecated parameters for \`initSync()\`; pass a single object instead')
        }
    }
`, "({module} = module);"],
  [1, `
    if (!(module instanceof WebAssembly.Module)) {
        module = new WebAssembly.Module(module);
    }
`, ""],
];

/** Returns the JavaScript without these parts. */
export function slim(glue) {
  return SPARED.reduce((slim, [times, part, instead]) => {
    const parts = slim.split(part);
    if (parts.length - 1 !== times)
      throw new Error(`wasm-bindgen's JavaScript has not ${times} times what glue.js leaves out: ${part}`);
    return parts.join(instead);
  }, glue);
}
