//! From options, configuration and environment to a source of answers: credential, endpoint and
//! project.

mod error;
mod first_use;
mod gate_key;
mod place;
mod plan;

pub use error::ConnectError;
pub use first_use::OnFirstUse;
pub use gate_key::GateKey;
pub use place::Place;
pub use plan::Plan;
