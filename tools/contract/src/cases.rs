//! The cases, a module for each thing a server can get wrong. A new case is a function, and its entry in the `CASES`
//! of its module; its name, its claims and its message are all the rest of the suite needs.

pub(crate) mod bytes;
pub(crate) mod children;
pub(crate) mod crowd;
pub(crate) mod deadlines;
pub(crate) mod leftovers;
pub(crate) mod limits;
pub(crate) mod signals;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod trouble;
