//! The state of the authorization server: clients, codes, sessions and refresh tokens.

use std::collections::{BTreeMap, HashMap};

use crate::testing::ids;

/// Ten minutes, as in Clerk and at most as RFC 6749 §4.1.2 recommends.
const CODE_LIFETIME: u64 = 600_000;

/// Ten years, as in Clerk.
const REFRESH_LIFETIME: u64 = 315_360_000_000;

/// An application that may ask users for access.
#[derive(Debug, Clone)]
pub(in crate::testing) struct Client {
    pub(in crate::testing) id: String,
    /// `None` for a public client, which authenticates by PKCE alone.
    pub(in crate::testing) secret: Option<String>,
    pub(in crate::testing) redirect_uris: Vec<String>,
    /// The scopes that are granted if a request has none.
    pub(in crate::testing) default_scopes: Vec<String>,
}

/// What a user consented to.
#[derive(Debug, Clone)]
pub(in crate::testing) struct Authorization {
    pub(in crate::testing) client_id: String,
    pub(in crate::testing) user: String,
    pub(in crate::testing) redirect_uri: String,
    /// Whether the request contained the redirect URI; the token request must then repeat it.
    pub(in crate::testing) redirect_named: bool,
    /// The PKCE challenge, always of the method `S256`.
    pub(in crate::testing) challenge: String,
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) resources: Vec<String>,
    pub(in crate::testing) nonce: Option<String>,
}

#[derive(Clone)]
struct Code {
    authorization: Authorization,
    expires_at: u64,
    usage: Usage,
}

/// A code can be used once; a second attempt revokes the session that the first one opened.
#[derive(Clone)]
enum Usage {
    Unused,
    Spent,
    Redeemed(String),
}

/// A user's grant to a client, and the tokens that were issued for it.
#[derive(Debug, Clone)]
pub(in crate::testing) struct Session {
    pub(in crate::testing) id: String,
    pub(in crate::testing) user: String,
    pub(in crate::testing) client_id: String,
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) resources: Vec<String>,
    /// The ids of its access tokens, oldest first.
    pub(in crate::testing) token_ids: Vec<String>,
    pub(in crate::testing) revoked: bool,
}

#[derive(Clone)]
struct RefreshToken {
    session: String,
    issued_at: u64,
    spent: bool,
}

/// Why a code or a refresh token is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::testing) enum Refused {
    /// It is unknown, expired, revoked, or another client's.
    Invalid,
    /// It was used before: somebody has a copy, so the session must be revoked.
    Replayed(String),
}

/// Clients, codes, sessions and refresh tokens. Times are Unix milliseconds.
#[derive(Clone)]
pub(in crate::testing) struct AuthorizationServer {
    /// The signed-in user, who consents.
    pub(in crate::testing) user: String,
    clients: HashMap<String, Client>,
    codes: HashMap<String, Code>,
    sessions: BTreeMap<u64, Session>,
    refresh_tokens: HashMap<String, RefreshToken>,
    next: u64,
}

impl AuthorizationServer {
    pub(in crate::testing) fn new(user: String) -> Self {
        Self {
            user,
            clients: HashMap::new(),
            codes: HashMap::new(),
            sessions: BTreeMap::new(),
            refresh_tokens: HashMap::new(),
            next: 0,
        }
    }

    /// Registers a client under a new id, with a secret if it can keep one.
    pub(in crate::testing) fn register(
        &mut self,
        redirect_uris: Vec<String>,
        default_scopes: Vec<String>,
        confidential: bool,
    ) -> Client {
        let client = Client {
            id: ids::word_id("client"),
            secret: confidential.then(|| ids::word_secret("")),
            redirect_uris,
            default_scopes,
        };
        self.clients.insert(client.id.clone(), client.clone());
        client
    }

    pub(in crate::testing) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    /// Issues a code. Expired ones are removed; until then a used one is kept, to detect replays.
    pub(in crate::testing) fn issue_code(
        &mut self,
        authorization: Authorization,
        now: u64,
    ) -> String {
        self.codes.retain(|_, code| code.expires_at > now);
        let code = Code {
            authorization,
            expires_at: now.saturating_add(CODE_LIFETIME),
            usage: Usage::Unused,
        };
        let text = ids::word_secret("clk_code_");
        self.codes.insert(text.clone(), code);
        text
    }

    /// Uses up a code of this client, whether or not the attempt succeeds.
    pub(in crate::testing) fn spend_code(
        &mut self,
        code: &str,
        client_id: &str,
        now: u64,
    ) -> Result<Authorization, Refused> {
        let code = self.codes.get_mut(code).ok_or(Refused::Invalid)?;
        if code.authorization.client_id != client_id || code.expires_at <= now {
            return Err(Refused::Invalid);
        }
        match &code.usage {
            Usage::Unused => {
                code.usage = Usage::Spent;
                Ok(code.authorization.clone())
            }
            Usage::Spent => Err(Refused::Invalid),
            Usage::Redeemed(session) => Err(Refused::Replayed(session.clone())),
        }
    }

    /// Opens the session of a code.
    pub(in crate::testing) fn open_session(
        &mut self,
        code: &str,
        authorization: &Authorization,
    ) -> Session {
        let session = Session {
            id: ids::word_id("oas"),
            user: authorization.user.clone(),
            client_id: authorization.client_id.clone(),
            scopes: authorization.scopes.clone(),
            resources: authorization.resources.clone(),
            token_ids: Vec::new(),
            revoked: false,
        };
        if let Some(code) = self.codes.get_mut(code) {
            code.usage = Usage::Redeemed(session.id.clone());
        }
        self.sessions.insert(self.next, session.clone());
        self.next += 1;
        session
    }

    /// The clients, in no order.
    pub(in crate::testing) fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.values()
    }

    /// The sessions, oldest first.
    pub(in crate::testing) fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    pub(in crate::testing) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.values().find(|session| session.id == id)
    }

    pub(in crate::testing) fn session_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.values_mut().find(|session| session.id == id)
    }

    pub(in crate::testing) fn issue_refresh_token(&mut self, session: &str, now: u64) -> String {
        let token = RefreshToken {
            session: session.to_owned(),
            issued_at: now,
            spent: false,
        };
        let text = ids::word_secret("clk_refresh_");
        self.refresh_tokens.insert(text.clone(), token);
        text
    }

    /// The session of a valid refresh token, and when the token was issued.
    pub(in crate::testing) fn by_refresh_token(
        &self,
        token: &str,
        now: u64,
    ) -> Result<(&Session, u64), Refused> {
        let token = self.refresh_tokens.get(token).ok_or(Refused::Invalid)?;
        let session = self.session(&token.session).ok_or(Refused::Invalid)?;
        if session.revoked || token.issued_at.saturating_add(REFRESH_LIFETIME) <= now {
            return Err(Refused::Invalid);
        }
        if token.spent {
            return Err(Refused::Replayed(session.id.clone()));
        }
        Ok((session, token.issued_at))
    }

    /// Rotation: a refresh token can be used once.
    pub(in crate::testing) fn spend_refresh_token(&mut self, token: &str) {
        if let Some(token) = self.refresh_tokens.get_mut(token) {
            token.spent = true;
        }
    }
}
