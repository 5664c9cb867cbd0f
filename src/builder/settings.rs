//! The settings as they were given. Nothing is checked here.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::grants::GrantSettings;
use crate::cache::Ttl;
use crate::clock::{Clock, SystemClock};
use crate::config::Access;
use crate::fleet::{Fleet, FleetVariables};
use crate::keys::KeyRefreshPolicy;
use crate::resource::ProtectedResource;
use crate::secret::Environment;
use crate::token::TokenTypes;
use crate::upstream::BudgetConfig;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How the senders of JWTs are bound to this machine, as configured.
#[derive(Debug, Clone)]
pub(super) enum SenderSetting {
    /// By Clerk's registry if it can be called.
    Default,
    Listed(Vec<String>),
    ScopeClaims,
    Any,
}

/// The call budget as configured. What is not set depends on the instance.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BudgetSetting {
    pub(super) total: Option<u32>,
    pub(super) unknown: Option<u32>,
    pub(super) burst: Option<u32>,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) access: Access,
    pub(super) machine_id: Option<String>,
    /// The unchecked value might be a private key, so it is not shown.
    pub(super) jwt_key: Option<SecretString>,
    pub(super) publishable_key: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) audience: Vec<String>,
    pub(super) clients: Option<Vec<String>>,
    pub(super) resources: Vec<ProtectedResource>,
    pub(super) accept: Option<TokenTypes>,
    pub(super) senders: SenderSetting,
    pub(super) grants: GrantSettings,
    pub(super) api_key_subjects: Vec<String>,
    pub(super) max_jwt_lifetime: Option<Duration>,
    pub(super) require_cat: bool,
    pub(super) skew: Duration,
    pub(super) max_token_len: usize,
    pub(super) opaque: Ttl,
    pub(super) jwt_verdict: Duration,
    pub(super) capacity: u64,
    pub(super) cache_bytes: Option<u64>,
    pub(super) negative_capacity: u64,
    pub(super) keys: KeyRefreshPolicy,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) budget: BudgetSetting,
    pub(super) in_flight: usize,
    pub(super) http: Option<reqwest::Client>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fleet: Option<Fleet>,
    pub(super) fleet_variables: FleetVariables,
}

/// Enough for the default capacity, with one or two kilobytes of claims each.
const CACHE_BYTES: u64 = 64 * 1_024 * 1_024;

/// Twice the size of a verdict with few claims, because half of the memory is for opaque tokens.
const BYTES_EACH: u64 = 2_048;

impl Settings {
    /// Returns the maximum memory for valid verdicts. It grows with the capacity unless it is set.
    pub(super) fn valid_bytes(&self) -> u64 {
        let for_all = self.capacity.saturating_mul(BYTES_EACH);
        self.cache_bytes.unwrap_or(for_all.max(CACHE_BYTES))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access: Access::default(),
            machine_id: None,
            jwt_key: None,
            publishable_key: None,
            issuer: None,
            audience: Vec::new(),
            clients: None,
            resources: Vec::new(),
            accept: None,
            senders: SenderSetting::Default,
            grants: GrantSettings::default(),
            api_key_subjects: vec!["user_".to_owned(), "org_".to_owned()],
            max_jwt_lifetime: None,
            require_cat: false,
            skew: seconds(5),
            max_token_len: 8_192,
            opaque: Ttl {
                fresh: seconds(60),
                renewed: true,
                jitter: 0.1,
                stale_if_error: seconds(60),
                negative: seconds(10),
            },
            jwt_verdict: seconds(300),
            capacity: 10_000,
            cache_bytes: None,
            negative_capacity: 10_000,
            keys: KeyRefreshPolicy {
                fresh: seconds(300),
                refresh_ahead: seconds(30),
                cooldown: seconds(30),
                max_stale: seconds(3_600),
            },
            connect_timeout: seconds(1),
            timeout: seconds(3),
            budget: BudgetSetting::default(),
            in_flight: 256,
            http: None,
            clock: Arc::new(SystemClock),
            fleet: None,
            fleet_variables: FleetVariables::default(),
        }
    }
}

impl Settings {
    /// Returns the call budget. Values that are not set depend on the limit of the instance.
    pub(super) fn call_budget(&self) -> BudgetConfig {
        let default = if self.is_development() {
            BudgetConfig::DEVELOPMENT
        } else {
            BudgetConfig::PRODUCTION
        };
        let BudgetSetting {
            total,
            unknown,
            burst,
        } = self.budget;
        BudgetConfig::new(total.unwrap_or(default), unknown, burst)
    }

    /// Returns `true` if a key belongs to a development instance.
    fn is_development(&self) -> bool {
        let secret = self.access.secrets().ok().and_then(|it| it.instance);
        let environment = secret.and_then(|secret| secret.current().environment());
        let publishable = self.publishable_key.as_deref();
        environment == Some(Environment::Development)
            || publishable.is_some_and(|key| key.trim().starts_with("pk_test_"))
    }
}
