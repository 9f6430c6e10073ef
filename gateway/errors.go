package gateway

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// apiError is a refusal or a failure as the client sees it, in OpenAI's form. cause
// is for the log only.
type apiError struct {
	status  int
	kind    string // error.type
	code    string // error.code; "" is null
	param   string // error.param; "" is null
	message string

	retryAfter time.Duration // 0: not told
	noRetry    bool          // tells SDKs that trying again is vain
	limitedBy  string        // x-sluice-limited-by
	outcome    string        // the record's word for it
	cause      error
}

func (e *apiError) Error() string { return e.message }

// longWait is the wait above which SDKs either ignore Retry-After and try again at
// once, or give up: they are told not to retry.
const longWait = 60 * time.Second

// body is the JSON that SDKs parse.
func (e *apiError) body() []byte {
	type inner struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	in := inner{Message: e.message, Type: e.kind}
	if e.param != "" {
		in.Param = &e.param
	}
	if e.code != "" {
		in.Code = &e.code
	}
	b, err := json.Marshal(map[string]inner{"error": in})
	if err != nil { // strings always marshal
		return []byte(`{"error":{"message":"internal error","type":"server_error","param":null,"code":null}}`)
	}
	return b
}

// frame is the error as the last event of a stream that had begun.
func (e *apiError) frame() []byte {
	return append(append([]byte("data: "), e.body()...), "\n\n"...)
}

// write answers with the error. random spreads the clients that were told the same
// moment; SDKs come back at exactly what they are told.
func (e *apiError) write(w http.ResponseWriter, random func() float64) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if e.limitedBy != "" {
		h.Set("X-Sluice-Limited-By", e.limitedBy)
	}
	wait := e.retryAfter
	if wait > 0 {
		wait += time.Duration(random() * float64(min(wait/10+100*time.Millisecond, 3*time.Second)))
		h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10))
		h.Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
	}
	if e.noRetry || wait > longWait {
		h.Set("X-Should-Retry", "false")
	}
	w.WriteHeader(e.status)
	_, _ = w.Write(append(e.body(), '\n')) // a client that has gone is found by its context
}

func invalidRequest(status int, code, param, message string) *apiError {
	return &apiError{status: status, kind: "invalid_request_error", code: code, param: param, message: message, outcome: "rejected"}
}

func errUnauthorized(message string) *apiError {
	e := invalidRequest(http.StatusUnauthorized, "invalid_api_key", "", message)
	e.outcome = "unauthorized"
	return e
}

func errModelNotFound(model string) *apiError {
	return invalidRequest(http.StatusNotFound, "model_not_found", "model",
		"The model `"+clip(model, 100)+"` does not exist or you do not have access to it.")
}

func errBodyTooLarge(limit int64) *apiError {
	return invalidRequest(http.StatusRequestEntityTooLarge, "request_too_large", "",
		"The request body is larger than "+strconv.FormatInt(limit, 10)+" bytes.")
}

func errInternal(cause error) *apiError {
	return &apiError{status: http.StatusInternalServerError, kind: "server_error", code: "internal_error",
		message: "The gateway failed to process the request.", outcome: "internal_error", cause: cause}
}

// clip bounds a piece of a client's text that an error repeats.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
