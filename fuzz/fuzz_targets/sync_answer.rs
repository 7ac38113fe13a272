//! Whatever the homeserver answers: it is read without a panic, what comes of it can be stored, and no text
//! names anybody.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = incoming::fuzzing::take_in(bytes);
});
