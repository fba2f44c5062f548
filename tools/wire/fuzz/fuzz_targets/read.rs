//! Whatever a file holds, reading it ends.
#![no_main]

#[path = "../../tests/everything/mod.rs"]
mod everything;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    everything::everything(file);
});
