//! The self-test.
use crate::ModelError;
use crate::network::session::Network;
pub(crate) fn run(_network: &mut Network) -> Result<(), ModelError> {
    Ok(())
}
