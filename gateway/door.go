package gateway

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/gateway/protection"
	"github.com/sluice-gateway/sluice/gateway/request"
	"github.com/sluice-gateway/sluice/providers"
)

// credential reads the client key of a request.
func credential(h http.Header) (string, *apiError) {
	c, err := auth.FromRequest(h)
	if err != nil {
		return "", errUnauthorized("You didn't provide a usable API key. Send it as `Authorization: Bearer <key>`.")
	}
	return c, nil
}

// knock takes the limits of the client's address, before anything else is read.
func (x *exchange) knock() *apiError {
	if x.rt.addresses == nil {
		return nil
	}
	now := x.g.clock.now()
	a := budget.Reserve(now, &x.address, budget.Demand{budget.Requests: 1, budget.Concurrency: 1}, x.rt.addresses.scope(now, x.r))
	if a.State == budget.Granted {
		return nil
	}
	return x.refusedAtDoor(now, a)
}

// decode reads the body, bounded, and what the gateway needs of it.
func (x *exchange) decode() *apiError {
	limit := x.rt.cfg.Server.MaxBody
	if x.r.ContentLength > limit {
		return errBodyTooLarge(limit)
	}
	if err := x.holdBody(); err != nil {
		return err
	}
	body, err := readBody(x.r.Body, x.r.ContentLength, limit)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return errBodyTooLarge(limit)
		}
		return invalidRequest(http.StatusBadRequest, "invalid_body", "", "The request body could not be read.")
	}
	x.req, err = request.Read(formOf(x.endpoint), body)
	if err == nil {
		x.record.Model, x.record.Stream = clip(x.req.Model, 200), x.req.Stream
		return nil
	}
	var bad *request.Error
	if errors.As(err, &bad) {
		return invalidRequest(http.StatusBadRequest, bad.Code, bad.Param, bad.Message)
	}
	return invalidRequest(http.StatusBadRequest, "invalid_json", "", "The request body is not valid JSON.")
}

// unknownBody is what a body of unknown length is taken for.
const unknownBody = 1 << 20

// holdBody takes room for the body in memory, until the request has ended.
func (x *exchange) holdBody() *apiError {
	n := x.r.ContentLength
	if n < 0 {
		n = unknownBody
	}
	if !x.g.guard.Hold(n) {
		x.record.ShedReason = string(protection.BodyBytes)
		return errProtected(protection.BodyBytes)
	}
	x.bodyHeld = n
	return nil
}

// readBody reads at most limit bytes; a declared length saves growing.
func readBody(r io.Reader, declared, limit int64) ([]byte, error) {
	r = http.MaxBytesReader(nil, io.NopCloser(r), limit)
	if declared <= 0 || declared > 1<<20 {
		return io.ReadAll(r)
	}
	body := make([]byte, declared)
	_, err := io.ReadFull(r, body)
	return body, err
}

func formOf(e providers.Endpoint) tokens.Form {
	switch e {
	case providers.Embeddings:
		return tokens.Embedding
	case providers.Completions:
		return tokens.Completion
	default:
		return tokens.Chat
	}
}

// doorScopes are the caller's own budgets that this call needs.
func (x *exchange) doorScopes() []*budget.Scope {
	scopes := x.client.scopes
	if x.route.scope != nil {
		scopes = append(scopes[:len(scopes):len(scopes)], x.route.scope)
	}
	return scopes
}

func doorDemand(e budget.Estimate) budget.Demand { return plan.DoorDemand(e) }

func doorActual(u budget.Usage) budget.Demand { return plan.DoorActual(u) }

func itoa(n int) string { return strconv.Itoa(n) }
