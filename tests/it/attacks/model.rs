//! Rules 4, 9, 10, 13 and 14: random sequences of everything, against a small oracle.

use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint, Fault, IssuedToken};
use clerk_machine_auth::{Authenticator, TokenType};

use crate::support::dice::Dice;

const SECOND: Duration = Duration::from_secs(1);
/// The published bounds: fresh time with its jitter, and the stale window.
const FRESH: u64 = 66;
const STALE: u64 = 126;

/// What the oracle knows of one key.
struct Known {
    token: IssuedToken,
    scope: &'static str,
    revoked_at: Option<u64>,
}

struct Model {
    clerk: ClerkEmulator,
    me: EmulatedMachine,
    service: Authenticator,
    keys: Vec<Known>,
    now: u64,
    /// When Clerk went away, if it is away.
    down: bool,
    checked: u64,
}

impl Model {
    async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        clerk.clock().freeze();
        let me = clerk.machine("me").create();
        let service = clerk.authenticator_for(&me);
        Self {
            clerk,
            me,
            service,
            keys: Vec::new(),
            now: 0,
            down: false,
            checked: 0,
        }
    }

    fn issue(&mut self, scope: &'static str) {
        let key = self.clerk.api_key(self.clerk.new_user_id()).scopes([scope]);
        self.keys.push(Known {
            token: key.create(),
            scope,
            revoked_at: None,
        });
    }

    /// Uses a key, and holds the answer against what may be.
    async fn use_key(&mut self, at: usize) {
        let Some(known) = self.keys.get(at) else {
            return;
        };
        let answer = self.service.verify(known.token.token()).await;
        let status = answer
            .as_ref()
            .map_or_else(|error| error.status().as_u16(), |_| 200);
        let since = known.revoked_at.map(|revoked_at| self.now - revoked_at);
        let may_be = match since {
            // Good: accepted, or unavailable while Clerk is away.
            None if self.down => [200, 503].contains(&status),
            None => [200, 503].contains(&status) && (status == 200 || self.recovering()),
            // Revoked: never accepted later than the budget, and rejected while Clerk can be asked.
            Some(since) if since <= FRESH => [200, 401, 503].contains(&status),
            Some(since) if since <= STALE => {
                [200, 401, 503].contains(&status) && (status != 200 || self.may_be_stale())
            }
            Some(_) => status != 200,
        };
        assert!(
            may_be,
            "{status} at {}, revoked {since:?} ago, down: {}",
            self.now, self.down
        );
        if let Ok(auth) = &answer {
            assert!(auth.has_scope(known.scope), "a verdict keeps its own facts");
            assert_eq!(auth.id(), known.token.id());
        }
        self.checked += 1;
    }

    /// The breaker lets one call through in half a second, so the first after an outage may wait.
    fn recovering(&self) -> bool {
        self.service.health().problem.is_some() || self.service.health().last_error.is_some()
    }

    /// A stale verdict is served only where Clerk could not be asked.
    fn may_be_stale(&self) -> bool {
        self.down || self.recovering()
    }

    async fn step(&mut self, dice: &mut Dice) {
        let at = usize::try_from(dice.roll(self.keys.len().max(1) as u64)).unwrap();
        match dice.roll(20) {
            0 => self.issue(["a", "b"][at % 2]),
            1 => self.revoke(at),
            2 => self.outage(),
            3 => self.recover(),
            4 => self.pass(1 + dice.roll(90)),
            5 => self.pass(1 + dice.roll(10)),
            6 => self.service.invalidate_all(),
            7 => self.clerk.clock().jump_wall_back(SECOND * 3_600),
            8 => self.clerk.clock().jump_wall_forward(SECOND * 3_600),
            _ => self.use_key(at).await,
        }
    }

    fn revoke(&mut self, at: usize) {
        if let Some(known) = self
            .keys
            .get_mut(at)
            .filter(|known| known.revoked_at.is_none())
        {
            assert!(self.clerk.revoke(known.token.id()));
            known.revoked_at = Some(self.now);
        }
    }

    fn outage(&mut self) {
        self.clerk
            .fault(Endpoint::VerifyApiKey, Fault::status(500))
            .always();
        self.down = true;
    }

    fn recover(&mut self) {
        self.clerk.clear_faults();
        self.down = false;
    }

    fn pass(&mut self, seconds: u64) {
        self.clerk
            .clock()
            .advance(SECOND * u32::try_from(seconds).unwrap());
        self.now += seconds;
    }
}

#[tokio::test]
async fn rule_13_a_revoked_key_is_never_accepted_later_than_the_budget_in_any_schedule() {
    let (seeds, steps): (u64, u32) = if std::env::var_os("FULL").is_some() {
        (200, 1_000)
    } else {
        (12, 300)
    };
    let mut checked = 0;
    for seed in 1..=seeds {
        let (mut model, mut dice) = (Model::new().await, Dice::of(seed));
        model.issue("a");
        for _ in 0..steps {
            model.step(&mut dice).await;
        }
        checked += model.checked;
    }
    println!("{seeds} schedules of {steps} steps: {checked} answers, 0 divergences");
    assert!(checked > seeds * 50);
}

/// One token on many routes: the verdict is one, the decision is each route's own.
#[tokio::test]
async fn rule_10_policy_is_never_remembered() {
    let model = Model::new().await;
    let key = model
        .clerk
        .api_key(model.clerk.new_user_id())
        .scopes(["a"])
        .create();
    let mut dice = Dice::of(7);
    for _ in 0..200 {
        let accepts = TokenTypes::roll(&mut dice);
        let service = model.clerk.authenticator_builder(&model.me);
        let service = service.accept(accepts.clone()).build().unwrap();
        let accepted = service.verify(key.token()).await.is_ok();
        assert_eq!(
            accepted,
            accepts.contains(&TokenType::ApiKey),
            "{accepts:?}"
        );
        let auth = model.service.verify(key.token()).await.unwrap();
        assert!(auth.has_scope("a") && !auth.has_scope("b"));
    }
}

struct TokenTypes;

impl TokenTypes {
    fn roll(dice: &mut Dice) -> Vec<TokenType> {
        let all = [TokenType::M2m, TokenType::ApiKey, TokenType::OAuth];
        let bits = 1 + dice.roll(7);
        all.into_iter()
            .enumerate()
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, kind)| kind)
            .collect()
    }
}
