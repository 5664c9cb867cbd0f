//! `/oauth/token`, `/oauth/token_info` (RFC 7662) and `/oauth/token/revoke` (RFC 7009).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::clients::authenticate;
use super::wire::{OAuthError, Parameters, resources, scopes, sensitive};
use crate::TokenFormat;
use crate::testing::ids;
use crate::testing::jwt;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;
use crate::testing::state::authorization::{Authorization, Client, Refused, Session};
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::{OAUTH_LIFETIME, OAuthDetail};

type Answer = Result<Reply, OAuthError>;

pub(super) fn issue(state: &mut State, call: &Call, now: u64) -> Answer {
    let form = Parameters::of_body(call)?;
    let grant = form.required("grant_type")?;
    let client = authenticate(state, call, &form)?;
    let body = match grant {
        "authorization_code" => redeem(state, &client, &form, now)?,
        "refresh_token" => refresh(state, &client, &form, now)?,
        _ => {
            let why = "The grant type must be authorization_code or refresh_token";
            return Err(OAuthError::new("unsupported_grant_type", why));
        }
    };
    Ok(sensitive(200, &body))
}

/// Exchanges a code for tokens. Every attempt uses up the code, so that a verifier cannot be
/// guessed.
fn redeem(
    state: &mut State,
    client: &Client,
    form: &Parameters,
    now: u64,
) -> Result<Value, OAuthError> {
    let (code, verifier) = (form.required("code")?, form.required("code_verifier")?);
    let spent = state.authorization.spend_code(code, &client.id, now);
    let authorization = spent.map_err(|refused| refuse(state, refused, now))?;
    let redirect_uri = form.one("redirect_uri")?;
    let repeated = redirect_uri == Some(&authorization.redirect_uri);
    if !repeated && (redirect_uri.is_some() || authorization.redirect_named) {
        let why = "The redirect_uri is not the one of the authorization request";
        return Err(OAuthError::invalid_grant(why));
    }
    if !fits(verifier, &authorization.challenge) {
        return Err(OAuthError::invalid_grant("The code_verifier does not fit"));
    }
    let audience = narrowed(&authorization.resources, resources(form)?)?;
    let session = state.authorization.open_session(code, &authorization);
    let mut body = tokens(state, &session, &session.scopes, &audience, now);
    if session.scopes.iter().any(|scope| scope == "openid") {
        body["id_token"] = json!(id_token(state, &authorization, now));
    }
    Ok(body)
}

/// Exchanges a refresh token for new tokens. It can be used once; a second use revokes the session
/// (RFC 9700 §4.14.2).
fn refresh(
    state: &mut State,
    client: &Client,
    form: &Parameters,
    now: u64,
) -> Result<Value, OAuthError> {
    let token = form.required("refresh_token")?;
    let found = state.authorization.by_refresh_token(token, now);
    let found = found.map(|(session, _)| session.clone());
    let session = found.map_err(|refused| refuse(state, refused, now))?;
    if session.client_id != client.id {
        return Err(refuse(state, Refused::Invalid, now));
    }
    let scopes = match form.one("scope")? {
        None => session.scopes.clone(),
        Some(asked) => scopes(asked)
            .filter(|asked| asked.iter().all(|scope| session.scopes.contains(scope)))
            .ok_or(OAuthError::new("invalid_scope", "A scope was not granted"))?,
    };
    let audience = narrowed(&session.resources, resources(form)?)?;
    state.authorization.spend_refresh_token(token);
    Ok(tokens(state, &session, &scopes, &audience, now))
}

fn refuse(state: &mut State, refused: Refused, now: u64) -> OAuthError {
    if let Refused::Replayed(session) = refused {
        state.revoke_session(&session, now);
    }
    OAuthError::invalid_grant("The grant is invalid, expired, revoked, or another client's")
}

fn fits(verifier: &str, challenge: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let good = (43..=128).contains(&verifier.len()) && verifier.bytes().all(legal);
    good && URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == challenge
}

/// A token request may narrow the resources of its grant, never widen them (RFC 8707 §2.2).
fn narrowed(granted: &[String], asked: Vec<String>) -> Result<Vec<String>, OAuthError> {
    if asked.is_empty() {
        return Ok(granted.to_vec());
    }
    if asked.iter().all(|resource| granted.contains(resource)) {
        Ok(asked)
    } else {
        let why = "A resource was not part of the authorization request";
        Err(OAuthError::invalid_target(why))
    }
}

/// Issues an access token and a refresh token under a session.
fn tokens(
    state: &mut State,
    session: &Session,
    scopes: &[String],
    audience: &[String],
    now: u64,
) -> Value {
    let access = access_token(state, session, scopes, audience, now);
    let refresh = state.authorization.issue_refresh_token(&session.id, now);
    json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": OAUTH_LIFETIME.as_secs(),
        "refresh_token": refresh,
        "scope": scopes.join(" "),
    })
}

fn access_token(
    state: &mut State,
    session: &Session,
    scopes: &[String],
    audience: &[String],
    now: u64,
) -> String {
    let is_jwt = state.options.oauth_token_format == TokenFormat::Jwt;
    let audience = match audience {
        [] => Value::Null,
        _ if !state.options.oauth_audience => Value::Null,
        [one] => json!(one),
        several => json!(several),
    };
    let detail = OAuthDetail {
        scopes: scopes.to_vec(),
        audience,
        ..OAuthDetail::new(session.client_id.clone(), is_jwt)
    };
    let lifetime = u64::try_from(OAUTH_LIFETIME.as_millis()).unwrap_or(u64::MAX);
    let expires_at = now.saturating_add(lifetime);
    let (id, secret) = if is_jwt {
        let parts = jwt::oauth(state, &session.user, &detail, expires_at, now);
        let key = state.keys.current();
        let signed = key.sign(&parts.header.to_string(), &parts.claims.to_string());
        (parts.id, signed)
    } else {
        (ids::hex_id("oat"), ids::secret("oat"))
    };
    let entry = Entry::new(id.clone(), secret.clone(), &session.user, detail);
    state.oauth.insert(entry, Some(expires_at), now);
    if let Some(session) = state.authorization.session_mut(&session.id) {
        session.token_ids.push(id);
    }
    secret
}

/// The ID token of OpenID Connect, which is for the client and not an access token.
fn id_token(state: &State, authorization: &Authorization, now: u64) -> String {
    let mut claims = json!({
        "iss": state.instance.issuer,
        "sub": authorization.user,
        "aud": authorization.client_id,
        "iat": now / 1000,
        "exp": now / 1000 + OAUTH_LIFETIME.as_secs(),
    });
    if let Some(nonce) = &authorization.nonce {
        claims["nonce"] = json!(nonce);
    }
    let header = jwt::header(state, "JWT", None);
    state
        .keys
        .current()
        .sign(&header.to_string(), &claims.to_string())
}

/// The introspection response for a valid access or refresh token; a public client only gets that
/// of its own tokens.
pub(super) fn info(state: &State, call: &Call, now: u64) -> Answer {
    let form = Parameters::of_body(call)?;
    let client = authenticate(state, call, &form)?;
    let token = form.required("token")?;
    let access = state.oauth.store.by_secret(token);
    let access = access.filter(|entry| entry.live(now)).map(|entry| {
        let scopes = &entry.detail.scopes;
        (
            &entry.detail.client_id,
            &entry.subject,
            scopes,
            entry.created_at,
        )
    });
    let refresh = state.authorization.by_refresh_token(token, now).ok();
    let refresh =
        refresh.map(|(session, at)| (&session.client_id, &session.user, &session.scopes, at));
    let visible = |owner: &String| client.secret.is_some() || *owner == client.id;
    let shown = access.or(refresh).filter(|(owner, ..)| visible(owner));
    let body = match shown {
        None => json!({ "active": false }),
        Some((owner, user, scopes, at)) => json!({
            "active": true,
            "client_id": owner,
            "sub": user,
            "scope": scopes.join(" "),
            "iat": at / 1000,
        }),
    };
    Ok(sensitive(200, &body))
}

/// Revokes an opaque access token or, with a refresh token, its whole session. An unknown token is
/// a success (RFC 7009 §2.2). A JWT cannot be revoked, which is an error.
pub(super) fn revoke(state: &mut State, call: &Call, now: u64) -> Answer {
    let form = Parameters::of_body(call)?;
    let client = authenticate(state, call, &form)?;
    let token = form.required("token")?;
    let foreign = OAuthError::invalid_grant("The token was issued to another client");
    if let Some(entry) = state.oauth.store.by_secret(token) {
        let (id, is_jwt) = (entry.id.clone(), entry.detail.jwt);
        if entry.detail.client_id != client.id {
            return Err(foreign);
        }
        if is_jwt {
            let why = "A JWT access token cannot be revoked";
            return Err(OAuthError::new("unsupported_token_type", why));
        }
        state.oauth.store.revoke(&id, None, now);
    } else if let Ok((session, _)) = state.authorization.by_refresh_token(token, now) {
        let (id, owner) = (session.id.clone(), session.client_id.clone());
        if owner != client.id {
            return Err(foreign);
        }
        state.revoke_session(&id, now);
    }
    Ok(Reply::empty(200))
}
