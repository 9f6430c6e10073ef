package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/ledger"
)

// requestColumns are a request's columns without its trail, which is read for one at a
// time only.
func requestColumns() string {
	return `id, client_id, at, endpoint, key_id, key_name, owner, model, route, priority, stream, outcome, status,
	error_code, error, fault, limited_by, shed_reason, provider, account, served_model, attempts, queue_ns, first_byte_ns,
	duration_ns, estimated_input, estimated_output, input, output, cached, cost, known, spared, cache`
}

func requestValues(r *ledger.Request) []any {
	return []any{r.ID, word(r.ClientID), micros(r.At), word(r.Endpoint), word(r.KeyID), word(r.Key), word(r.Owner), word(r.Model),
		word(r.Route), word(r.Priority), r.Stream, word(r.Outcome), r.Status, word(r.ErrorCode), mend(r.Error, maxError),
		word(r.Fault), word(r.LimitedBy), word(r.ShedReason), word(r.Provider), word(r.Account), word(r.ServedModel), r.Attempts,
		int64(r.Queue), int64(r.FirstByte), int64(r.Duration), r.EstimatedInput, r.EstimatedOutput, r.Input, r.Output, r.Cached,
		r.Cost, r.Known, r.Spared, word(r.Cache), blob(r.Trail)}
}

func scanRequest(s scanner, r *ledger.Request, more ...any) error {
	return s.Scan(append([]any{&r.ID, &r.ClientID, timeOf{&r.At}, &r.Endpoint, &r.KeyID, &r.Key, &r.Owner, &r.Model, &r.Route,
		&r.Priority, &r.Stream, &r.Outcome, &r.Status, &r.ErrorCode, &r.Error, &r.Fault, &r.LimitedBy, &r.ShedReason, &r.Provider,
		&r.Account, &r.ServedModel, &r.Attempts, (*int64)(&r.Queue), (*int64)(&r.FirstByte), (*int64)(&r.Duration),
		&r.EstimatedInput, &r.EstimatedOutput, &r.Input, &r.Output, &r.Cached, &r.Cost, &r.Known, &r.Spared, &r.Cache}, more...)...)
}

const attemptColumns = `request_id, n, at, key_id, key_name, owner, route, provider, account, model, upstream_key, status, kind,
	duration_ns, estimated_input, estimated_output, estimated_cost, input, output, cached, cost, known`

func attemptValues(a *ledger.Attempt) []any {
	return []any{a.RequestID, a.N, micros(a.At), word(a.KeyID), word(a.Key), word(a.Owner), word(a.Route), word(a.Provider),
		word(a.Account), word(a.Model), word(a.UpstreamKey), a.Status, word(a.Kind), int64(a.Duration),
		a.EstimatedInput, a.EstimatedOutput, a.EstimatedCost, a.Input, a.Output, a.Cached, a.Cost, a.Known}
}

func scanAttempt(s scanner) (ledger.Attempt, error) {
	var a ledger.Attempt
	err := s.Scan(&a.RequestID, &a.N, timeOf{&a.At}, &a.KeyID, &a.Key, &a.Owner, &a.Route, &a.Provider, &a.Account, &a.Model,
		&a.UpstreamKey, &a.Status, &a.Kind, (*int64)(&a.Duration),
		&a.EstimatedInput, &a.EstimatedOutput, &a.EstimatedCost, &a.Input, &a.Output, &a.Cached, &a.Cost, &a.Known)
	return a, err
}

const contentColumns = `request_id, at, prompt, answer, cut`

func contentValues(c *ledger.Content) []any {
	return []any{c.RequestID, micros(c.At), blob(c.Prompt), blob(c.Answer), c.Cut}
}

// checkEntry tells why an entry can never be written.
func checkEntry(e *ledger.Entry) error {
	if r := e.Request; r != nil {
		if err := checkRow("request", r.ID, r.At, r.EstimatedInput, r.EstimatedOutput, r.Input, r.Output, r.Cached, r.Cost); err != nil {
			return err
		}
		if len(r.Trail) > 0 && !json.Valid(r.Trail) {
			return fmt.Errorf("%w: a request's trail is not JSON", ledger.ErrInvalid)
		}
	}
	for i := range e.Attempts {
		a := &e.Attempts[i]
		if err := checkRow("attempt", a.RequestID, a.At, int64(a.N), a.EstimatedInput, a.EstimatedOutput, a.EstimatedCost, a.Input, a.Output, a.Cached, a.Cost); err != nil {
			return err
		}
	}
	if c := e.Content; c != nil {
		return checkRow("content", c.RequestID, c.At)
	}
	return nil
}

func checkRow(what, id string, at time.Time, counts ...int64) error {
	if id == "" || len(id) > auth.MaxName || !storable(id) {
		return fmt.Errorf("%w: the %s's ID is empty, longer than %d bytes or not text", ledger.ErrInvalid, what, auth.MaxName)
	}
	if y := at.Year(); y < 1970 || y > 9999 {
		return fmt.Errorf("%w: the %s's time is in the year %d", ledger.ErrInvalid, what, y)
	}
	for _, n := range counts {
		if n < 0 {
			return fmt.Errorf("%w: a count of the %s is below zero", ledger.ErrInvalid, what)
		}
	}
	return nil
}
