//! How an identity travels with a request.

use http::Extensions;

use super::{ApiKey, M2mToken, MachineAuth, OAuthToken};

/// Marks a request that was let in without a token.
///
/// Tells it apart from a request that no layer has looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anonymous;

/// Removes whatever says who sent a request: only a layer of ours may say that.
pub(crate) fn forget_identity(extensions: &mut Extensions) {
    if extensions.is_empty() {
        return;
    }
    extensions.remove::<MachineAuth>();
    extensions.remove::<M2mToken>();
    extensions.remove::<ApiKey>();
    extensions.remove::<OAuthToken>();
    extensions.remove::<Anonymous>();
}
