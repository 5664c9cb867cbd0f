//! What [`Authenticator::authenticate`](super::Authenticator::authenticate) takes a token from.

use http::HeaderMap;

/// A request, or the part of it that holds its header fields.
///
/// Implemented for [`http::Request`], [`http::request::Parts`] and [`http::HeaderMap`].
pub trait RequestHeaders: sealed::Sealed {
    /// Returns the header fields.
    fn headers(&self) -> &HeaderMap;
}

impl RequestHeaders for HeaderMap {
    fn headers(&self) -> &HeaderMap {
        self
    }
}

impl RequestHeaders for http::request::Parts {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl<B> RequestHeaders for http::Request<B> {
    fn headers(&self) -> &HeaderMap {
        Self::headers(self)
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for http::HeaderMap {}
    impl Sealed for http::request::Parts {}
    impl<B> Sealed for http::Request<B> {}
}
