//! How an identity travels with a request.

use http::Extensions;

use super::MachineAuth;

/// Marks a request that was let in without a token.
///
/// Tells it apart from a request that no layer has looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anonymous;

/// Removes whatever a layer said before of who sent a request.
pub(crate) fn forget_identity(extensions: &mut Extensions) {
    if extensions.is_empty() {
        return;
    }
    extensions.remove::<MachineAuth>();
    extensions.remove::<Anonymous>();
}
