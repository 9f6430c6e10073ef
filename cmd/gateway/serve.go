package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
	_ "time/tzdata" // time zones of limits, also where the system has none

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/control/alerting"
	"github.com/sluice-gateway/sluice/control/clients"
	"github.com/sluice-gateway/sluice/control/jobs"
	"github.com/sluice-gateway/sluice/control/live"
	"github.com/sluice-gateway/sluice/control/settings"
	"github.com/sluice-gateway/sluice/control/upstreams"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/gateway/protection"
	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web"
	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
	"github.com/sluice-gateway/sluice/web/dashboard"
)

type serveFlags struct {
	file, listen, admin string
}

func serveCommand(env environment) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Serve runs the gateway until SIGTERM or an interrupt, then drains.

Without a configuration it serves a simulated provider with three accounts, routes
to try and one demo key, and prints curl lines to paste. Where OPENAI_API_KEY,
DASHSCOPE_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY and others are set, those
providers are routed for real.

SIGHUP, or a change of the file, loads the configuration again; a bad one is
reported and the old one goes on working.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := newService(f, env, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return s.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&f.file, "config", "", "the configuration `FILE`; none: a demo")
	cmd.Flags().StringVar(&f.listen, "listen", "", "`ADDR` of the API (default 127.0.0.1:8080)")
	cmd.Flags().StringVar(&f.admin, "admin-listen", "", "`ADDR` of metrics and the admin API (default 127.0.0.1:8081)")
	return cmd
}

// service is the running program: its parts, and what they share.
type service struct {
	lifecycle
	flags     serveFlags
	env       environment
	out, errs io.Writer
	demoKey   string

	settings  *settings.Settings
	cfg       *config.Config // what the program began with; what is in force is the settings'
	history   history.Store  // nil: no versions are kept
	level     slog.LevelVar
	log       *slog.Logger
	metrics   *telemetry.Metrics
	sinks     telemetry.Multi // take every record; complete before the gateway is made
	store     database
	keys      *auth.Directory // stored client keys
	clients   *clients.Service
	vault     *vault.Box
	upstreams *upstreams.Service
	overlay   gateway.Overlay // what was known of upstream keys at the start
	ledger    *ledger.Writer
	kept      atomic.Pointer[config.Store] // what is kept, and for how long
	estimator *tokens.Estimator
	gateway   *gateway.Gateway
	accounts  access.Store // nil: none are kept
	guard     *access.Guard
	plane     dataPlane // the gateway in the admin API's words
	meter     *live.Meter
	live      *live.Hub

	alertMeter *alerting.Meter
	alerting   *alerting.Alerting
	jobs       *jobs.Jobs

	api, admin *listener
	listeners  []*listener
	failed     chan error // of listeners

}

func newService(f serveFlags, env environment, out, errs io.Writer) (*service, error) {
	s := &service{flags: f, env: env, out: out, errs: errs, failed: make(chan error, 3)}
	if err := s.setUp(s.parts()); err != nil {
		s.takeDown(s.notStopped)
		return nil, err
	}
	return s, nil
}

// parts is everything the program is made of, in the order of setting up. What a part
// needs stands above it; what is above outlives it.
func (s *service) parts() []part {
	return []part{
		{"configuration", s.setUpConfig},
		{"telemetry", s.setUpTelemetry},
		{"store", s.setUpStore},
		{"vault", s.setUpVault},
		{"history of the configuration", s.setUpHistory},
		{"upstream keys", s.setUpUpstreams},
		{"ledger", s.setUpLedger},
		{"traces", s.setUpTraces},
		{"client keys", s.setUpClients},
		{"estimator", s.setUpEstimator},
		{"gateway", s.setUpGateway},
		{"levels", s.setUpLevels},
		{"alerting", s.setUpAlerting},
		{"simulations", s.setUpJobs},
		{"reload", s.setUpReload},
		{"access", s.setUpAccess},
		{"metrics listener", s.setUpMetricsListener},
		{"admin listener", s.setUpAdminListener},
		{"api listener", s.setUpAPIListener},
	}
}

func (s *service) setUpTelemetry() error {
	s.log = s.newLog()
	s.metrics = telemetry.NewMetrics()
	s.meter = live.NewMeter()
	s.live = live.NewHub(live.Options{Source: &s.plane, Meter: s.meter, Alerts: s.firing})
	s.alertMeter = alerting.NewMeter()
	s.sinks = append(s.sinks, s.metrics, s.meter, s.live, s.alertMeter)
	return nil
}

func (s *service) setUpEstimator() error {
	s.estimator = tokens.New(tokens.Options{Counter: s.cfg.Tokens.Counter})
	s.background(func(ctx context.Context) {
		begin := time.Now()
		err := s.estimator.Load(ctx)
		switch {
		case err == nil:
			s.log.Info("encodings loaded", "duration_ms", time.Since(begin).Milliseconds())
		case ctx.Err() == nil:
			s.log.Error("encodings did not load; estimates stay bounds by bytes", "error", err.Error())
		}
	})
	return nil
}

func (s *service) setUpGateway() (err error) {
	connector := newConnector(s.estimator)
	s.gateway, err = gateway.New(gateway.Options{
		Config: s.cfg, Keys: s.keys, Connect: connector.connect, Tokens: s.estimator, Log: s.log,
		Embeddings: openai.ConvertEmbeddings, Sink: s.sinks, Content: s.keptContent,
		Overlay: s.overlay, KeyEvents: s.keyEvent,
	})
	if err != nil {
		return err
	}
	s.metrics.Observe(s.gateway)
	s.background(s.gateway.Run)
	s.plane.Gateway, s.plane.upstreams = s.gateway, s.upstreams
	s.upstreams.Attach(s.gateway)
	s.settings.Follow(s.gateway)
	return nil
}

func (s *service) setUpMetricsListener() error {
	if s.cfg.Server.MetricsListen == "" {
		return nil
	}
	f, err := s.adminFront(s.metrics.Handler())
	if err != nil {
		return err
	}
	_, err = s.listen(s.cfg.Server.MetricsListen, f, 0)
	return err
}

func (s *service) setUpAdminListener() error {
	api, err := s.adminAPI()
	if err != nil {
		return err
	}
	page, err := dashboard.New()
	if err != nil {
		return err
	}
	f, err := s.adminFront(web.New(web.Options{API: api, Metrics: s.metrics.Handler(), Dashboard: page}))
	if err != nil {
		return err
	}
	s.admin, err = s.listen(s.cfg.Server.AdminListen, f, 0)
	return err
}

func (s *service) setUpAPIListener() (err error) {
	f, err := s.apiFront()
	if err != nil {
		return err
	}
	if s.api, err = s.listen(s.cfg.Server.Listen, f, protection.Connections()); err != nil {
		return err
	}
	s.onStop(func(context.Context) error { s.drain(); return nil }) // in the time that is configured
	return nil
}

// listen opens a listener that serves while the program runs.
func (s *service) listen(addr string, f *front, atMost int) (*listener, error) {
	l, err := listen(addr, f, s.log, atMost)
	if err != nil {
		return nil, err
	}
	s.onStop(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, shutTimeout)
		defer cancel()
		l.shut(ctx)
		_ = l.Close() // where it never served
		return nil
	})
	s.listeners = append(s.listeners, l)
	s.settings.Follow(f)
	return l, nil
}

// adminAPI puts the admin API's endpoints together.
func (s *service) adminAPI() (*api.API, error) {
	return api.New(api.Options{
		Endpoints: slices.Concat(
			api.SessionEndpoints(s.guard),
			api.AccountEndpoints(s.guard),
			api.TokenEndpoints(s.guard),
			api.AuditEndpoints(s.guard),
			api.KeyEndpoints(s.clients, &s.plane, s.gateway.Config),
			api.OwnerEndpoints(s.clients, &s.plane, s.gateway.Config),
			api.BudgetEndpoints(&s.plane),
			api.UpstreamEndpoints(s.upstreams),
			api.ExplainEndpoints(&s.plane),
			api.ConfigEndpoints(s.settings.Surface()),
			api.RouteEndpoints(s.settings.Surface()),
			api.LimitEndpoints(s.settings.Surface()),
			api.ReloadEndpoints(s.settings.ReloadSurface),
			api.LiveEndpoints(s.live),
			api.UsageEndpoints(s.store, time.Now),
			api.RequestEndpoints(s.store),
			api.AlertEndpoints(s.alerting),
			api.SimulationEndpoints(s.jobs),
			api.AboutEndpoints(s.about),
			api.PlaygroundEndpoints(s.gateway),
		),
		Authenticate: s.guard.Authenticate, Audit: s.accounts, Version: version, Log: s.log,
	})
}

// run serves until the context ends or a listener fails, then takes everything down:
// the API's calls end first.
func (s *service) run(ctx context.Context) error {
	defer func() {
		s.takeDown(s.notStopped)
		s.log.Info("stopped")
	}()
	for _, l := range s.listeners {
		go l.serve(s.failed)
	}
	s.start(context.WithoutCancel(ctx))
	s.greet()
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// notStopped tells of a part that could not be taken down as it should.
func (s *service) notStopped(part string, err error) {
	if s.log != nil {
		s.log.Error("shutdown", "part", part, "error", err.Error())
	}
}

// drain stops taking calls and lets the open ones end.
func (s *service) drain() {
	s.gateway.Drain()
	timeout := s.settings.Config().Server.DrainTimeout
	s.log.Info("draining", "in_flight", s.gateway.InFlight(), "timeout", timeout.String())
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.api.shut(ctx)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.gateway.Abort() // open streams end in an error event
		<-done
	}
}
