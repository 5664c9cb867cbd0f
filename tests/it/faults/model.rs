//! Rules 8, 10 and 13: any sequence of uses, revocations, outages and clock moves, against an oracle.

use std::time::Duration;

use clerk_machine_auth::Authenticator;
use clerk_machine_auth::testing::{Endpoint, Fault, IssuedToken};

use crate::faults::keys::settle;
use crate::faults::world::{World, status};
use crate::support::dice::Dice;

/// The revocation budget: fresh time with its jitter, and the stale window, in milliseconds.
const FRESH: u64 = 66_000;
const STALE: u64 = 60_000;
/// The shortest time for which a verdict is served while Clerk is away.
const SURE: u64 = 54_000 + STALE;
/// The breaker sends a probe this often, and keeps no pause that is longer.
const PROBE: u64 = 500;
const PAUSE: u64 = 30_000;
/// After a 429 the rate of calls is back to its whole within this time.
const REGAINED: u64 = 20_000;
/// Longer outages end the keys too, which is another rule's matter.
const LONGEST_OUTAGE: u64 = 1_500_000;

/// What the oracle knows of a token.
struct Known {
    kind: &'static str,
    token: IssuedToken,
    /// For a JWT, the machine whose grant is what can be taken back.
    sender: Option<String>,
    ended_at: Option<u64>,
    /// When Clerk was last asked about it, and answered that it is good.
    confirmed_at: Option<u64>,
}

struct Model {
    world: World,
    service: Authenticator,
    tokens: Vec<Known>,
    now: u64,
    down_since: Option<u64>,
    /// Until when a good token may go unanswered although Clerk is back.
    excused_until: u64,
    uses: u64,
    latest: u64,
}

impl Model {
    async fn new() -> Self {
        let world = World::new().await;
        let service = world.service();
        service.warm_up().await.unwrap();
        let mut model = Self {
            world,
            service,
            tokens: Vec::new(),
            now: 0,
            down_since: None,
            excused_until: 0,
            uses: 0,
            latest: 0,
        };
        (0..4).for_each(|kind| model.issue(kind));
        model
    }

    fn issue(&mut self, kind: u64) {
        let clerk = &self.world.clerk;
        let long = Duration::from_secs(100_000_000);
        let (kind, token, sender) = match kind {
            0 => ("API key", clerk.api_key(clerk.new_user_id()).create(), None),
            1 => {
                let token = clerk.m2m_token(&self.world.caller).never_expires();
                ("M2M token", token.create(), None)
            }
            2 => {
                let token = clerk.oauth_token(clerk.new_user_id()).lifetime(long);
                ("OAuth token", token.create(), None)
            }
            _ => {
                // The wall clock may go back behind the time at which it was made.
                let sender = clerk.machine("sender").scoped_to(&self.world.me).create();
                let token = clerk.m2m_jwt(&sender).lifetime(long);
                let token = token.without_claim("iat").without_claim("nbf");
                ("M2M JWT", token.create(), Some(sender.id().to_owned()))
            }
        };
        self.tokens.push(Known {
            kind,
            token,
            sender,
            ended_at: None,
            confirmed_at: None,
        });
    }

    fn end(&mut self, at: usize) {
        let known = &mut self.tokens[at];
        if known.ended_at.is_none() {
            match &known.sender {
                Some(sender) => self.world.clerk.revoke_grant(sender, &self.world.me),
                None => assert!(self.world.clerk.revoke(known.token.id())),
            }
            known.ended_at = Some(self.now);
        }
    }

    async fn fail(&mut self, dice: &mut Dice) {
        let seconds = dice.roll(60).to_string();
        let clerk = &self.world.clerk;
        clerk.clear_faults();
        let fault = match dice.roll(7) {
            0 => Fault::status(500),
            1 => Fault::status(401),
            2 => Fault::status(429).header("retry-after", &seconds),
            3 => Fault::drop_connection(),
            4 => Fault::status(200).body("<html>"),
            5 => Fault::status(422),
            _ => return self.refuse().await,
        };
        clerk.fault(Endpoint::Any, fault).always();
        self.down_since.get_or_insert(self.now);
    }

    async fn refuse(&mut self) {
        self.world.clerk.stop_listening().await;
        self.down_since.get_or_insert(self.now);
    }

    async fn recover(&mut self) {
        self.world.clerk.clear_faults();
        self.world.clerk.resume_listening().await.unwrap();
        if self.down_since.take().is_some() {
            // Which of the faults came last is not looked at: a pause may have been asked for, and
            // after it the calls come back one by one.
            self.excused_until = self.now + PAUSE + REGAINED;
        }
    }

    fn pass(&mut self, millis: u64) {
        self.world.pass(Duration::from_millis(millis));
        self.now += millis;
    }

    fn asked(&self) -> u64 {
        let endpoints = [
            Endpoint::VerifyApiKey,
            Endpoint::VerifyM2mToken,
            Endpoint::VerifyOAuthToken,
            Endpoint::GetMachine,
        ];
        endpoints.iter().map(|at| self.world.clerk.calls(*at)).sum()
    }

    async fn use_token(&mut self, at: usize) {
        let asked = self.asked();
        let answer = status(&self.service, self.tokens[at].token.token()).await;
        settle(&self.service).await;
        self.uses += 1;
        self.check(at, answer);
        if answer == 200 && self.down_since.is_none() && self.asked() > asked {
            self.tokens[at].confirmed_at = Some(self.now);
        }
    }

    fn check(&mut self, at: usize, answer: u16) {
        let known = &self.tokens[at];
        let is_away = self.down_since.is_some() || self.now < self.excused_until;
        let since = |at: Option<u64>| at.map(|at| self.now - at);
        let (ended, confirmed) = (since(known.ended_at), since(known.confirmed_at));
        let is_sure = confirmed.is_some_and(|confirmed| confirmed < SURE);
        let allowed: &[u16] = match ended {
            None if !is_away || is_sure => &[200],
            None => &[200, 503],
            Some(0..=FRESH) => &[200, 401, 503],
            Some(ended) if ended <= FRESH + STALE && is_away => &[200, 401, 503],
            Some(_) if is_away => &[401, 503],
            Some(_) => &[401],
        };
        assert!(
            allowed.contains(&answer),
            "{answer} for {}, ended {ended:?}, confirmed {confirmed:?} ms ago, away: {is_away}, {:?}",
            known.kind,
            self.service.health()
        );
        if answer == 200 {
            self.latest = self.latest.max(ended.unwrap_or(0));
        }
    }

    async fn step(&mut self, dice: &mut Dice) {
        if self
            .down_since
            .is_some_and(|since| self.now - since > LONGEST_OUTAGE)
        {
            self.recover().await;
        }
        let at = usize::try_from(dice.roll(self.tokens.len() as u64)).unwrap();
        match dice.roll(24) {
            0 => self.issue(dice.roll(4)),
            1 => self.end(at),
            2 => self.fail(dice).await,
            3 | 4 => self.recover().await,
            5 | 6 => self.pass(dice.roll(70_000)),
            7 | 8 => self.pass(dice.roll(10_000)),
            9 => self.pass(dice.roll(2 * PROBE)),
            10 => self
                .world
                .clerk
                .clock()
                .jump_wall_back(Duration::from_secs(3_600)),
            11 => self
                .world
                .clerk
                .clock()
                .jump_wall_forward(Duration::from_secs(3_600)),
            _ => self.use_token(at).await,
        }
    }
}

#[tokio::test]
async fn rule_13_no_schedule_stretches_the_revocation_budget_or_loses_a_good_token() {
    let (seeds, steps): (u64, u32) = if std::env::var_os("FULL").is_some() {
        (200, 1_000)
    } else {
        (10, 400)
    };
    let (mut uses, mut latest) = (0, 0);
    for seed in 1..=seeds {
        let mut dice = Dice::of(seed);
        let mut model = Model::new().await;
        for _ in 0..steps {
            model.step(&mut dice).await;
        }
        uses += model.uses;
        latest = latest.max(model.latest);
    }
    println!(
        "{seeds} schedules of {steps} steps, {uses} uses: a token that had ended was accepted for \
         {latest} ms at most; the budget is {} ms",
        FRESH + STALE
    );
    assert!(uses > seeds * 50 && latest > 0);
}
