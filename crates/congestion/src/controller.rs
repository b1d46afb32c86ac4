//! The model behind quinn's trait.

use crate::model::{Model, ModelConfig};
use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics};
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

/// The controller of one path.
#[derive(Clone, Debug)]
pub struct Steady {
    model: Model,
}

impl Steady {
    /// The state, for statistics: from `Connection::congestion_state().into_any()`.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

impl Controller for Steady {
    fn on_sent(&mut self, _now: Instant, bytes: u64, _last_packet_number: u64) {
        self.model.on_sent(bytes);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        _app_limited: bool,
        _rtt: &RttEstimator,
    ) {
        // The estimator's minimum never grows again, and its mean lags by one acknowledgement.
        self.model.on_ack(now, sent, bytes);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _: Option<u64>) {
        self.model.on_end_acks(now, in_flight, app_limited);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost: u64) {
        self.model.on_loss(now, sent, persistent, lost);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.model.on_mtu(new_mtu.into());
    }

    fn window(&self) -> u64 {
        // quinn asks for one window to send by and to pace by.
        self.model.pacing_window()
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.model.window();
        metrics.pacing_rate = Some(self.model.rate() * 8);
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.model.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Makes a [`Steady`] for each path; goes to `TransportConfig::congestion_controller_factory`.
#[derive(Clone, Debug, Default)]
pub struct SteadyConfig {
    pub model: ModelConfig,
}

impl ControllerFactory for SteadyConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Steady {
            model: Model::new(self.model.clone(), now, current_mtu.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quinn_gets_the_window_of_the_model() {
        let now = Instant::now();
        let config = Arc::new(SteadyConfig::default());
        let mut controller = config.build(now, 1200);
        assert_eq!(controller.window(), controller.initial_window());
        controller.on_mtu_update(1452);
        controller.on_end_acks(now, 0, true, Some(1));
        controller.on_congestion_event(now, now, true, 1200);
        let copy = controller.clone_box();
        assert_eq!(copy.window(), controller.window());
        assert_eq!(copy.metrics().congestion_window, copy.window());
        let steady = copy.into_any().downcast::<Steady>();
        assert!(steady.is_ok_and(|s| s.model().window() > 0));
    }
}
