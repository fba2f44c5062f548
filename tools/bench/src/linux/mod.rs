//! What only Linux can do: start servers where they are alone on a processor, and ask `/proc` what they cost.

mod calls;
pub mod idle;
mod kernel;
mod load;
mod machine;
mod peers;
pub mod prices;
mod server;
mod work;

pub use server::end_all;
