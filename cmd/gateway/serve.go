package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // time zones of limits, also where the system has none

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web"
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

// service is the running program: gateway, listeners, reloads.
type service struct {
	flags     serveFlags
	env       environment
	out, errs io.Writer
	demoKey   string

	cfg       *config.Config
	log       *slog.Logger
	estimator *tokens.Estimator
	gateway   *gateway.Gateway
	api       *listener
	admin     *listener
	metrics   *listener
}

func newService(f serveFlags, env environment, out, errs io.Writer) (*service, error) {
	s := &service{flags: f, env: env, out: out, errs: errs}
	if err := s.setUp(); err != nil {
		s.closeListeners()
		return nil, err
	}
	return s, nil
}

func (s *service) setUp() (err error) {
	if s.cfg, err = s.load(); err != nil {
		return err
	}
	s.log = telemetry.NewLogger(s.errs, s.cfg.Logging.Format, s.cfg.Logging.Level)
	for _, w := range s.cfg.Warnings() {
		s.log.Warn("configuration", "warning", w.String())
	}
	s.estimator = tokens.New(tokens.Options{Counter: s.cfg.Tokens.Counter})
	metrics := telemetry.NewMetrics()
	connector := newConnector(s.estimator)
	s.gateway, err = gateway.New(gateway.Options{
		Config: s.cfg, Connect: connector.connect, Tokens: s.estimator, Log: s.log, Probe: connector.probe,
		Embeddings: openai.ConvertEmbeddings,
		Sink:       telemetry.Multi{metrics, telemetry.NewRecordLogger(s.log)},
	})
	if err != nil {
		return err
	}
	s.restoreLevels()
	metrics.Observe(s.gateway)
	token, err := s.adminToken()
	if err != nil {
		return err
	}
	admin := web.New(web.Options{Token: token, Metrics: metrics.Handler(), Gateway: dataPlane{s.gateway}, Reload: s.reload})
	if s.api, err = listen(s.cfg.Server.Listen, s.gateway.Handler()); err != nil {
		return err
	}
	if s.admin, err = listen(s.cfg.Server.AdminListen, admin); err != nil {
		return err
	}
	if s.cfg.Server.MetricsListen != "" {
		s.metrics, err = listen(s.cfg.Server.MetricsListen, metrics.Handler())
	}
	return err
}

// load reads the configuration, or makes the demo's; flags come before the file.
func (s *service) load() (*config.Config, error) {
	var cfg *config.Config
	if s.flags.file == "" {
		if s.demoKey == "" {
			s.demoKey = "sk-sluice-demo"
		}
		cfg = config.Demo(s.env, s.demoKey)
	} else {
		var err error
		if cfg, err = config.Load(s.flags.file, s.env); err != nil {
			sayProblems(s.errs, s.flags.file, err)
			return nil, errSaid
		}
	}
	if s.flags.listen != "" {
		cfg.Server.Listen = s.flags.listen
	}
	if s.flags.admin != "" {
		cfg.Server.AdminListen = s.flags.admin
	}
	return cfg, nil
}

// adminToken answers the configured token, or makes one and shows it once, which is
// safe only where nobody else can reach the listener.
func (s *service) adminToken() (string, error) {
	if t := s.cfg.Server.AdminToken.Reveal(); t != "" {
		return t, nil
	}
	if !loopback(s.cfg.Server.AdminListen) {
		return "", fmt.Errorf("admin listener %s is reachable from outside: set server.admin_token", s.cfg.Server.AdminListen)
	}
	token := "sluice-admin-" + strings.ToLower(base32.StdEncoding.EncodeToString(random(20)))
	fmt.Fprintf(s.errs, "Admin token for this run (shown once): %s\n", token)
	return token, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// run serves until the context ends, then drains.
func (s *service) run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	failed := make(chan error, 3)
	for _, l := range []*listener{s.api, s.admin, s.metrics} {
		if l != nil {
			go l.serve(failed)
		}
	}
	go func() {
		begin := time.Now()
		err := s.estimator.Load(background)
		switch {
		case err == nil:
			s.log.Info("encodings loaded", "duration_ms", time.Since(begin).Milliseconds())
		case background.Err() == nil:
			s.log.Error("encodings did not load; estimates stay bounds by bytes", "error", err.Error())
		}
	}()
	go s.gateway.Run(background)
	kept, stopKeeping := context.WithCancel(background)
	done := make(chan struct{})
	go func() { defer close(done); s.keepLevels(kept) }()
	defer func() {
		stopKeeping()
		<-done
		if err := s.saveLevels(true); err != nil {
			s.log.Error("levels not saved", "error", err.Error())
		}
	}()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // before anybody can know that this program runs
	defer signal.Stop(hup)
	go s.watch(background, hup)
	s.greet()
	select {
	case <-ctx.Done():
		s.drain()
		return nil
	case err := <-failed:
		s.closeListeners()
		return err
	}
}

// drain stops taking calls and lets the open ones end.
func (s *service) drain() {
	s.gateway.Drain()
	s.log.Info("draining", "in_flight", s.gateway.InFlight(), "timeout", s.cfg.Server.DrainTimeout.String())
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Server.DrainTimeout)
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
	for _, l := range []*listener{s.admin, s.metrics} {
		if l != nil {
			l.shut(ctx)
		}
	}
	s.log.Info("stopped")
}

func (s *service) closeListeners() {
	for _, l := range []*listener{s.api, s.admin, s.metrics} {
		if l != nil {
			_ = l.server.Close()
			_ = l.Close()
		}
	}
}

// watchEvery is the pause between looks at the configuration's files. A look is one
// stat each; it works on every file system, and where a file is replaced by a link.
const watchEvery = time.Second

// watch loads the configuration again on SIGHUP and when a file of it changes.
func (s *service) watch(ctx context.Context, hup <-chan os.Signal) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := s.marks()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		case <-tick.C:
			now := s.marks()
			if now == seen {
				continue
			}
			seen = now
		}
		if err := s.reload(); err != nil {
			s.log.Error("configuration not loaded; the old one goes on", "error", err.Error())
		}
	}
}

// marks describes the state of the configuration's files.
func (s *service) marks() string {
	var b strings.Builder
	if s.flags.file == "" {
		return ""
	}
	for _, f := range append([]string{s.flags.file}, s.cfg.Files()...) {
		if st, err := os.Stat(f); err == nil {
			fmt.Fprintf(&b, "%s %d %d;", f, st.ModTime().UnixNano(), st.Size())
		}
	}
	return b.String()
}

// reload loads the configuration and applies it; on any problem the old one stays.
func (s *service) reload() error {
	if s.flags.file == "" {
		return errors.New("there is no file to load: the gateway runs the demo configuration")
	}
	cfg, err := config.Load(s.flags.file, s.env)
	if err != nil {
		return err
	}
	if err := s.gateway.Apply(cfg); err != nil {
		return err
	}
	s.log.Info("configuration loaded", "file", s.flags.file)
	return nil
}

// greet says where everything is, with lines to paste.
func (s *service) greet() {
	api, admin := "http://"+s.api.Addr().String(), "http://"+s.admin.Addr().String()
	s.log.Info("serving", "api", api, "admin", admin, "routes", len(s.cfg.Routes))
	if s.flags.file != "" {
		return
	}
	fmt.Fprintf(s.out, `
Sluice is ready. API: %[1]s/v1   metrics: %[2]s/metrics   key: %[3]s

Try it:

  curl %[1]s/v1/chat/completions \
    -H "Authorization: Bearer %[3]s" -H "Content-Type: application/json" \
    -d '{"model":"qwen3-max","messages":[{"role":"user","content":"Hello!"}]}'

  curl -N %[1]s/v1/chat/completions \
    -H "Authorization: Bearer %[3]s" -H "Content-Type: application/json" -H "X-Priority: high" \
    -d '{"model":"qwen3-max","stream":true,"messages":[{"role":"user","content":"Count to five."}]}'

  curl %[1]s/v1/embeddings \
    -H "Authorization: Bearer %[3]s" -H "Content-Type: application/json" \
    -d '{"model":"text-embedding-3-small","input":["one","two"]}'

  curl %[1]s/v1/models -H "Authorization: Bearer %[3]s"

`, api, admin, s.demoKey)
}
