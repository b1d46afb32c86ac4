//! A congestion controller for quinn that holds its rate on lossy paths, keeps deep queues short
//! and leaves room for others. `docs/congestion.md` explains it with figures.
//!
//! [`Model`] is pure and knows no quinn; [`SteadyConfig`] puts it behind quinn's trait;
//! [`recommend`] sets what else of a transport the model counts on.

mod controller;
mod filter;
mod loss;
mod model;
mod transport;

pub use controller::{Steady, SteadyConfig};
pub use model::{Model, ModelConfig, Phase};
pub use transport::recommend;
