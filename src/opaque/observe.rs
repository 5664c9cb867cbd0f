//! What the calls that verify opaque tokens are counted as.

use std::sync::Arc;

use serde::Deserialize;

use crate::backend::{ApiKeyAnswer, OAuthAnswer, ResponseClass, TokenAnswer, is_inactive};
use crate::stats::{CallCounters, CallOperation, CallResult};
use crate::token::TokenType;
use crate::transport::{Answer, Observed};

pub(super) fn observed(token_type: TokenType, calls: &Arc<CallCounters>) -> Observed {
    Observed {
        operation: CallOperation::from(token_type),
        template: match token_type {
            TokenType::M2m => "/v1/m2m_tokens/verify",
            TokenType::ApiKey => "/v1/api_keys/verify",
            TokenType::OAuth => "/v1/oauth_applications/access_tokens/verify",
        },
        counters: Arc::clone(calls),
        classify: match token_type {
            TokenType::M2m => |answer| classify(answer, |body| reads(TokenType::M2m, body)),
            TokenType::ApiKey => |answer| {
                classify(answer, |body| {
                    reads(TokenType::ApiKey, body) && is::<ApiKeyAnswer>(body)
                })
            },
            TokenType::OAuth => |answer| {
                classify(answer, |body| {
                    reads(TokenType::OAuth, body) && is::<OAuthAnswer>(body)
                })
            },
        },
    }
}

fn classify(answer: &Answer, reads: impl FnOnce(&[u8]) -> bool) -> CallResult {
    let class = ResponseClass::of(answer);
    let is_unread = || !is_inactive(&answer.body) && !reads(&answer.body);
    if class == ResponseClass::Ok && is_unread() {
        return CallResult::Unreadable;
    }
    class.result()
}

fn reads(token_type: TokenType, body: &[u8]) -> bool {
    TokenAnswer::read(token_type, body).is_ok()
}

fn is<'a, T: Deserialize<'a>>(body: &'a [u8]) -> bool {
    serde_json::from_slice::<T>(body).is_ok()
}
