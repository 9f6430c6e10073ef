package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// Cost is what one hash of a password costs with argon2id: 19 MiB of memory, three
// passes, one thread, a salt of 16 and a key of 32 bytes. On a core of 2026 that takes
// some 30 ms.
func Cost() argon2id.Params {
	return argon2id.Params{Memory: 19 << 10, Iterations: 3, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Passwords are at least minPassword characters and at most maxPassword bytes long.
const (
	minPassword = 12
	maxPassword = 512
)

// checkPassword says what is wrong with a new password; empty: nothing.
func checkPassword(password, name string) string {
	switch {
	case !utf8.ValidString(password):
		return "must be text"
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Sprintf("must have at least %d characters", minPassword)
	case len(password) > maxPassword:
		return fmt.Sprintf("must have at most %d bytes", maxPassword)
	case strings.EqualFold(password, name):
		return "must not be the name"
	}
	return ""
}

// Hashes at once, those that wait for their turn, and for how long.
const (
	hashesAtOnce = 2
	hashesQueued = 32
	hashPatience = 5 * time.Second
)

// hasher makes and checks hashes of passwords, few at a time: sign-ins must not be able
// to eat the memory and the cores that calls need. It is safe for concurrent use.
type hasher struct {
	cost  argon2id.Params
	slots chan struct{} // a place is taken while a hash is made
	queue chan struct{} // and while one waits
	dummy string        // what is checked where there is no account
}

func newHasher(cost argon2id.Params) (*hasher, error) {
	h := &hasher{cost: cost, slots: make(chan struct{}, hashesAtOnce), queue: make(chan struct{}, hashesQueued)}
	var err error
	h.dummy, err = argon2id.CreateHash(string(random()), &h.cost)
	return h, err
}

// busy is a sign-in that found no turn.
func busy() *Refusal {
	return &Refusal{Status: http.StatusServiceUnavailable, Code: "busy", Message: "too many are signing in at once: try again", RetryAfter: time.Second}
}

// turn waits for a place; done gives it back.
func (h *hasher) turn(ctx context.Context) (done func(), err error) {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return nil, busy()
	}
	patience := time.NewTimer(hashPatience)
	defer patience.Stop()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-patience.C:
		return nil, busy()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash makes a password's hash.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return argon2id.CreateHash(password, &h.cost)
}

// verify checks a password against a hash; against none, in the same time, it is wrong.
func (h *hasher) verify(ctx context.Context, password, hash string) (bool, error) {
	given := hash
	if given == "" {
		hash = h.dummy
	}
	if _, err := readHash(hash); err != nil {
		return false, err
	}
	done, err := h.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	right, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, errBadHash
	}
	return right && given != "", nil
}

// stale says that a hash was made at another cost than the present one.
func (h *hasher) stale(hash string) bool {
	cost, err := readHash(hash)
	return err == nil && *cost != h.cost
}

// errBadHash tells nothing of the hash itself.
var errBadHash = errors.New("a stored password hash cannot be used")

// readHash answers what a hash costs, and refuses one whose check would cost too much,
// panic, or accept everything.
func readHash(hash string) (*argon2id.Params, error) {
	if len(hash) > 512 {
		return nil, errBadHash
	}
	p, salt, key, err := argon2id.DecodeHash(hash)
	if err != nil || p.Memory < 8 || p.Memory > 256<<10 || p.Iterations < 1 || p.Iterations > 16 || p.Parallelism < 1 || p.Parallelism > 16 ||
		len(salt) < 8 || len(key) < 16 || len(salt) > 64 || len(key) > 64 {
		return nil, errBadHash
	}
	return p, nil
}
