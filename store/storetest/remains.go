package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/web/access"
)

// testAnAdminRemains takes admins away from several nodes at once. Each looks at who is left
// in the change itself, so one remains, whoever is first.
func testAnAdminRemains(t *testing.T, e Engine) {
	dsn := e.fresh(t)
	nodes := []Store{node(t, dsn)}
	if !e.Alone {
		nodes = append(nodes, node(t, dsn), node(t, dsn))
	}
	ctx, last := t.Context(), errors.New("the last admin")
	keep := func(accounts []access.Account, tokens []access.Token) error {
		for _, a := range accounts {
			if a.Role == access.Admin && !a.Disabled {
				return nil
			}
		}
		for _, tok := range tokens {
			if tok.Role == access.Admin {
				return nil
			}
		}
		return last
	}
	for round := range 5 {
		var takes []func(s Store) error
		for i := range 3 {
			a := account(fmt.Sprint("delete ", round, i))
			a.Role, a.Disabled = access.Admin, false
			ok(t, nodes[0].CreateAccount(ctx, &a))
			takes = append(takes, func(s Store) error { return s.DeleteAccount(ctx, a.ID, keep) })

			b := account(fmt.Sprint("edit ", round, i))
			b.Role, b.Disabled = access.Admin, false
			ok(t, nodes[0].CreateAccount(ctx, &b))
			b.Disabled = i == 0
			b.Role = map[bool]access.Role{true: access.Admin, false: access.Viewer}[b.Disabled]
			takes = append(takes, func(s Store) error { return s.UpdateAccount(ctx, &b, keep) })

			tok := access.Token{ID: fmt.Sprint("token ", round, i), Name: fmt.Sprint("token ", round, i), Role: access.Admin, Hash: hash(fmt.Sprint(round, i))}
			ok(t, nodes[0].CreateToken(ctx, &tok))
			takes = append(takes, func(s Store) error { return s.DeleteToken(ctx, tok.ID, keep) })
		}
		errs := make([]error, len(takes))
		var wg sync.WaitGroup
		for i, take := range takes {
			wg.Go(func() { errs[i] = take(nodes[i%len(nodes)]) })
		}
		wg.Wait()
		refusals := 0
		for i, err := range errs {
			if err == nil {
				continue
			}
			refused(t, e, err, last)
			refusals++
			equal(t, errors.Is(takes[i](nodes[0]), last), true, "it is still the last one")
		}
		equal(t, refusals, 1, "refusals")
		clearAdmins(ctx, t, nodes[0])
	}
	if len(nodes) > 1 {
		testBothLook(t, e, nodes[0], nodes[1])
	}
	gone := account("gone")
	refused(t, e, nodes[0].UpdateAccount(ctx, &gone, keep), auth.ErrNotFound)
	refused(t, e, nodes[0].DeleteAccount(ctx, "gone", keep), auth.ErrNotFound)
	refused(t, e, nodes[0].DeleteToken(ctx, "gone", keep), auth.ErrNotFound)
}

// testBothLook has two nodes take the last two admins away at the same moment: where the
// second did not wait for the first, each would see the other's admin.
func testBothLook(t *testing.T, e Engine, first, second Store) {
	t.Helper()
	ctx, last := t.Context(), errors.New("the last admin")
	both := make(chan struct{})
	var looking atomic.Int32
	keep := func(accounts []access.Account, _ []access.Token) error {
		if looking.Add(1) == 2 {
			close(both)
		}
		select {
		case <-both:
		case <-time.After(200 * time.Millisecond): // the other waits, as it should
		}
		if len(accounts) == 0 {
			return last
		}
		return nil
	}
	for _, id := range []string{"one", "two"} {
		a := account(id)
		ok(t, first.CreateAccount(ctx, &a))
	}
	other := make(chan error)
	go func() { other <- second.DeleteAccount(ctx, "two", keep) }()
	errs := []error{first.DeleteAccount(ctx, "one", keep), <-other}
	if errs[0] != nil {
		errs[0], errs[1] = errs[1], errs[0]
	}
	ok(t, errs[0])
	refused(t, e, errs[1], last)
	clearAdmins(ctx, t, first)
}

// clearAdmins removes everybody, without asking.
func clearAdmins(ctx context.Context, t *testing.T, s Store) {
	t.Helper()
	accounts, err := s.Accounts(ctx)
	ok(t, err)
	for _, a := range accounts {
		ok(t, s.DeleteAccount(ctx, a.ID, nil))
	}
	tokens, err := s.Tokens(ctx)
	ok(t, err)
	for _, tok := range tokens {
		ok(t, s.DeleteToken(ctx, tok.ID, nil))
	}
}
