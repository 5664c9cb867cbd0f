//! The layer as a middleware of `reqwest-middleware`.

use async_trait::async_trait;
use http::{Extensions, header};
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use super::future::is_refusing;
use super::layer::M2mTokenLayer;
use super::layer::sealed::Sealed;
use super::token::OutboundToken;

/// Adds the token like the tower layer.
///
/// [`retry_once`](M2mTokenLayer::retry_once) needs a body that reqwest can clone. A request with a
/// streamed body is sent once. reqwest itself follows redirects, and removes `Authorization` if the
/// host or port changes.
#[async_trait]
impl<R: Sealed> Middleware for M2mTokenLayer<R> {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let config = &*self.config;
        if request.headers().contains_key(header::AUTHORIZATION)
            || !config.origins.allow_url(request.url())
        {
            return next.run(request, extensions).await;
        }
        let token = config.source.token().await.map_err(Error::middleware)?;
        let spare = R::RETRIES.then(|| request.try_clone()).flatten();
        attach(&mut request, &token);
        let response = next.clone().run(request, extensions).await?;
        if !is_refusing(response.status(), response.headers()) || !config.source.refused(&token) {
            return Ok(response);
        }
        let Some(mut request) = spare else {
            return Ok(response);
        };
        match config.source.token().await {
            Ok(renewed) if !renewed.is(&token) => {
                attach(&mut request, &renewed);
                let response = next.run(request, extensions).await?;
                if is_refusing(response.status(), response.headers()) {
                    config.source.refused(&renewed);
                }
                Ok(response)
            }
            _ => Ok(response),
        }
    }
}

fn attach(request: &mut Request, token: &OutboundToken) {
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, token.header());
}
