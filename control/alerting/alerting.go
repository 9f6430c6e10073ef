package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/alerts"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/web/api"
)

// Options are what an Alerting is made of.
type Options struct {
	Sources Sources // required: Gateway and Meter
	// Shed sheds a class and those below until it is told another; shedding.Classes: none.
	// Nil: rules that shed do nothing.
	Shed func(shedding.Class)
	// DisableKey takes an upstream key out. Nil: rules that disable keys do nothing.
	DisableKey func(provider, account, fingerprint, why string) error
	// Changed hears of every change, muted ones included. Nil: nobody.
	Changed func(api.AlertChange)
	// Log takes alerts, and what went wrong with them. Nil: discarded.
	Log *slog.Logger
	// Node is this gateway's name in webhooks. Empty: it is alone.
	Node string
	// Networks are the private ones that webhooks may be sent to. Empty: none.
	Networks []netip.Prefix
	// Transport sends webhooks. Nil: one that checks where it dials.
	Transport http.RoundTripper
	// Every is the pause between looks. Zero: a second.
	Every time.Duration
}

// Alerting watches and acts. It is safe for concurrent use.
type Alerting struct {
	o      Options
	reader reader
	client *http.Client
	life   context.Context
	end    context.CancelFunc
	wg     sync.WaitGroup

	networks atomic.Pointer[[]netip.Prefix] // private ones that webhooks may be sent to

	mu        sync.Mutex
	rules     map[string]Rule
	engine    *alerts.Engine
	receivers map[destination]*running
	shed      shedding.Class
	history   []api.AlertChange // the latest last
}

// mostHistory is how many changes are remembered.
const mostHistory = 500

// running is a receiver at work.
type running struct {
	*receiver
	stop context.CancelFunc
}

// New makes an Alerting with the rules of a configuration; Run brings it to life, Close
// ends what it has begun.
func New(o Options, own []config.Alert) (*Alerting, error) {
	if o.Sources.Gateway == nil || o.Sources.Meter == nil {
		return nil, errors.New("alerting: Options need Sources.Gateway and Sources.Meter")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	a := &Alerting{o: o, reader: reader{Sources: o.Sources}, engine: alerts.New(nil), receivers: map[destination]*running{}, shed: shedding.Classes}
	a.networks.Store(&o.Networks)
	a.client = newClient(func() []netip.Prefix { return *a.networks.Load() })
	if o.Transport != nil {
		a.client.Transport = o.Transport
	}
	rules, err := Rules(own)
	if err != nil {
		return nil, err
	}
	a.life, a.end = context.WithCancel(context.Background())
	a.follow(rules)
	return a, nil
}

// Prepare checks the rules of a configuration; commit replaces the ones in force. Alerts
// of rules whose condition stays go on.
func (a *Alerting) Prepare(cfg *config.Config) (commit func(), err error) {
	rules, err := Rules(cfg.Alerts)
	if err != nil {
		return nil, err
	}
	return func() {
		a.networks.Store(&cfg.Server.WebhookNetworks)
		a.client.CloseIdleConnections() // the next ones are dialled, and so checked
		a.follow(rules)
	}, nil
}

func (a *Alerting) follow(rules []Rule) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.rules
	a.rules = make(map[string]Rule, len(rules))
	plain := make([]alerts.Rule, 0, len(rules))
	wanted := map[destination]bool{}
	for _, r := range rules {
		a.rules[r.Name] = r
		plain = append(plain, r.Rule)
		for _, do := range r.Do {
			if do.Kind == "webhook" {
				wanted[destination{do.URL, do.Secret}] = true
			}
		}
	}
	now := time.Now()
	for _, c := range a.engine.Configure(now, plain) {
		a.act(c, old[c.Rule])
	}
	a.connect(wanted)
	a.applyShedding()
}

// connect begins receivers that are wanted and ends the others; the lock is held.
func (a *Alerting) connect(wanted map[destination]bool) {
	for to, r := range a.receivers {
		if !wanted[to] {
			r.stop()
			delete(a.receivers, to)
		}
	}
	for to := range wanted {
		if a.receivers[to] != nil {
			continue
		}
		r := newReceiver(to, a.client, func(host string, err error) {
			a.o.Log.Warn("an alert was not delivered", "webhook", host, "error", err.Error())
		})
		ctx, stop := context.WithCancel(a.life)
		a.receivers[to] = &running{r, stop}
		a.wg.Go(func() { r.run(ctx) })
	}
}

// Run looks once a second until the context ends.
func (a *Alerting) Run(ctx context.Context) {
	tick := time.NewTicker(a.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.look(time.Now())
		}
	}
}

// Close ends webhooks under way and the shedding; call it after Run has ended.
func (a *Alerting) Close() {
	a.end()
	a.wg.Wait()
	if a.o.Shed != nil {
		a.o.Shed(shedding.Classes)
	}
	a.client.CloseIdleConnections()
}

// look reads everything once and acts on what has changed.
func (a *Alerting) look(now time.Time) {
	readings := a.reader.read(now)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.engine.Observe(now, readings) {
		a.act(c, a.rules[c.Rule])
	}
	a.applyShedding()
}

// act does what a rule says about a change; the lock is held.
func (a *Alerting) act(c alerts.Change, r Rule) {
	row := changeOf(&c, &r)
	if len(a.history) >= mostHistory {
		a.history = slices.Delete(a.history, 0, mostHistory/5) // now and then, not each time
	}
	a.history = append(a.history, row)
	if a.o.Changed != nil {
		a.o.Changed(row)
	}
	if c.Muted || c.State == alerts.Pending {
		return
	}
	for _, do := range r.Do {
		switch do.Kind {
		case "log":
			a.log(&c, &row)
		case "webhook":
			if to := a.receivers[destination{do.URL, do.Secret}]; to != nil {
				to.send(a.message(&row, &r))
			}
		case "disable_key":
			a.disable(&c, &row)
		}
	}
}

func (a *Alerting) log(c *alerts.Change, row *api.AlertChange) {
	level, what := slog.LevelWarn, "alert"
	if c.State == alerts.Resolved {
		level, what = slog.LevelInfo, "alert resolved"
	}
	attrs := []any{"rule", c.Rule, "says", row.Message, "value", c.Value}
	for _, name := range sortedKeys(c.Labels) {
		attrs = append(attrs, name, c.Labels[name])
	}
	a.o.Log.Log(context.Background(), level, what, attrs...)
}

// disable takes the key out that an alert is about. It comes back when somebody enables
// it: that it worked again could not be seen while it is out.
func (a *Alerting) disable(c *alerts.Change, row *api.AlertChange) {
	if c.State != alerts.Firing || a.o.DisableKey == nil {
		return
	}
	err := a.o.DisableKey(c.Labels["provider"], c.Labels["account"], c.Labels["key"], "alert "+c.Rule+": "+row.Message)
	if err != nil {
		a.o.Log.Error("an alert could not disable its key", "rule", c.Rule, "provider", c.Labels["provider"],
			"account", c.Labels["account"], "key", c.Labels["key"], "error", err.Error())
	}
}

// applyShedding sheds the most important class that a firing alert wants shed; the lock
// is held.
func (a *Alerting) applyShedding() {
	if a.o.Shed == nil {
		return
	}
	from := shedding.Class(shedding.Classes)
	now := time.Now()
	for _, s := range a.engine.Status() {
		if now.Before(s.MutedUntil) || !fires(s.Alerts) {
			continue
		}
		for _, do := range a.rules[s.Name].Do {
			if c, err := shedding.ParseClass(do.Class); do.Kind == "shed" && err == nil {
				from = min(from, c)
			}
		}
	}
	if from == a.shed {
		return
	}
	a.shed = from
	a.o.Shed(from)
	if from == shedding.Classes {
		a.o.Log.Info("no class is shed by an alert any more")
		return
	}
	a.o.Log.Warn("an alert sheds calls that find no room at once", "class", from.String())
}

// message is the body of a webhook.
func (a *Alerting) message(row *api.AlertChange, r *Rule) []byte {
	body, _ := json.Marshal(struct { // plain data always encodes
		api.AlertChange
		Condition string `json:"condition"`
		Node      string `json:"node,omitempty"`
	}{*row, r.When.String(), a.o.Node})
	return body
}

// Mute keeps a rule from acting until a moment; one that is over ends that. False: there
// is no such rule.
func (a *Alerting) Mute(rule string, until time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ok := a.engine.Mute(time.Now(), rule, until)
	a.applyShedding()
	return ok
}
