package alerting

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/config"
)

// Bounds of what is sent.
const (
	mostWaiting = 100 // deliveries to one receiver; the oldest goes
	mostTries   = 6
	tryTimeout  = 10 * time.Second
	firstPause  = time.Second // doubled after each try
	mostAnswer  = 4 << 10     // of a receiver's answer that is read
)

// Sign is what X-Sluice-Signature says of a body that is sent at a moment.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// destination is where a webhook goes, and what signs it.
type destination struct{ url, secret config.Secret }

// host names a destination without what may be secret in its address.
func (d destination) host() string {
	u, err := url.Parse(d.url.Reveal())
	if err != nil {
		return "?"
	}
	return u.Host
}

// delivery is one message on its way.
type delivery struct {
	id   string
	body []byte
}

// receiver sends to one destination, one message after the other.
type receiver struct {
	to     destination
	client *http.Client
	failed func(host string, err error)
	wake   chan struct{}

	mu                         sync.Mutex
	waiting                    []delivery
	delivered, gaveUp, dropped int64
	last                       string // what went wrong last
}

func newReceiver(to destination, client *http.Client, failed func(string, error)) *receiver {
	return &receiver{to: to, client: client, failed: failed, wake: make(chan struct{}, 1)}
}

// send puts a message into the queue and never waits.
func (r *receiver) send(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= mostWaiting {
		r.waiting = r.waiting[1:]
		r.dropped++
	}
	r.waiting = append(r.waiting, delivery{newDeliveryID(), body})
	select {
	case r.wake <- struct{}{}:
	default: // it is awake
	}
}

func newDeliveryID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// run sends what waits until the context ends.
func (r *receiver) run(ctx context.Context) {
	for {
		d, ok := r.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-r.wake:
				continue
			}
		}
		err := r.deliver(ctx, d)
		if ctx.Err() != nil {
			return
		}
		r.note(err)
	}
}

func (r *receiver) next() (delivery, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return delivery{}, false
	}
	d := r.waiting[0]
	r.waiting = r.waiting[1:]
	return d, true
}

func (r *receiver) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.delivered++
		return
	}
	r.gaveUp++
	r.last = err.Error()
	r.failed(r.to.host(), err)
}

// errRefused is an answer that trying again does not change.
var errRefused = errors.New("the receiver refuses it")

// deliver tries until the receiver takes the message, refuses it, or it has been tried
// often enough.
func (r *receiver) deliver(ctx context.Context, d delivery) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := r.try(ctx, d)
		if err == nil || n == mostTries || errors.Is(err, errRefused) {
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		pause *= 2
	}
}

func (r *receiver) try(ctx context.Context, d delivery) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.to.url.Reveal(), bytes.NewReader(d.body))
	if err != nil {
		return fmt.Errorf("%w: its address cannot be used", errRefused)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sluice")
	req.Header.Set("X-Sluice-Event", "alert")
	req.Header.Set("X-Sluice-Delivery", d.id)
	req.Header.Set("X-Sluice-Signature", Sign(r.to.secret.Reveal(), time.Now(), d.body))
	resp, err := r.client.Do(req)
	if err != nil {
		return withoutAddress(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, mostAnswer)) // so that the connection serves again
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		return nil
	case resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500:
		return fmt.Errorf("it answered HTTP %d", resp.StatusCode)
	}
	return fmt.Errorf("%w: it answered HTTP %d", errRefused, resp.StatusCode)
}

// withoutAddress is an HTTP client's error without the address, which may hold a secret.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
