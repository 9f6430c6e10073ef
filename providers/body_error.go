package providers

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ErrorBody is an upstream's error in any of the shapes in use: OpenAI's envelope,
// one in an array, an error that is a string, a flat object, a list of details, or
// text that is no JSON at all.
type ErrorBody struct {
	// Found says that the body is JSON that tells of an error.
	Found bool
	// HTML says that the body is a page: it comes from something before the API.
	HTML bool
	// Message, Code and Type are as the upstream wrote them, not sanitised.
	Message, Code, Type string
	// Labels are all codes, types and reasons in the body, as NormalCode writes them.
	Labels []string
	// Details are names of quotas and the words of an upstream's own upstream.
	Details []string
	// Status is the HTTP status that the body claims. Zero: none.
	Status int
	// RetryDelay is a wait in protobuf's form (34.07s). Empty: none.
	RetryDelay string
}

// maxDepth bounds how deep an error is looked into.
const maxDepth = 8

// ParseError reads a body as an error. It never fails: what it cannot read is a
// message of its own.
func ParseError(body []byte) ErrorBody {
	var e ErrorBody
	text := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\ufeff")))
	if len(text) == 0 {
		return e
	}
	if text[0] == '<' {
		e.HTML = true
		return e
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		e.Message = string(text[:min(len(text), 4*MaxMessage)])
		return e
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	switch v := v.(type) {
	case string:
		e.Found, e.Message = true, v
	case map[string]any:
		e.object(v)
	}
	return e
}

func (e *ErrorBody) object(o map[string]any) {
	inner := o
	switch v := o["error"].(type) {
	case map[string]any:
		inner, e.Found = v, true
	case string:
		e.Found = v != ""
		e.Message = v
	case []any:
		if len(v) > 0 {
			if first, ok := v[0].(map[string]any); ok {
				inner, e.Found = first, true
			}
		}
	}
	if !e.Found && o["choices"] != nil {
		e.choices(o["choices"])
		return
	}
	if e.Message == "" {
		e.Message = message(inner)
	}
	e.Code, e.Type = scalar(inner["code"]), scalar(inner["type"])
	if e.Type == "" {
		e.Type = scalar(inner["status"])
	}
	flat := e.Message != "" && o["data"] == nil
	e.Found = e.Found || flat
	e.walk(o, 0)
}

// choices finds an error that stands inside of a choice.
func (e *ErrorBody) choices(v any) {
	list, _ := v.([]any)
	for _, c := range list {
		choice, _ := c.(map[string]any)
		if inner, ok := choice["error"].(map[string]any); ok {
			e.Found, e.Message = true, message(inner)
			e.Code, e.Type = scalar(inner["code"]), scalar(inner["type"])
			e.walk(inner, 0)
			return
		}
		if reason := scalar(choice["finish_reason"]); Interrupted(reason) {
			e.Found, e.Message, e.Code = true, "the upstream stopped generating: "+reason, reason
			e.label(reason)
			return
		}
	}
}

// Interrupted says that a finish_reason tells of an answer that the upstream could
// not finish.
func Interrupted(reason string) bool {
	return reason == "insufficient_system_resource" || reason == "error"
}

// message is the text of an error, wherever it stands.
func message(o map[string]any) string {
	for _, name := range [...]string{"message", "msg", "detail", "error_description", "error_message", "errors"} {
		switch v := o[name].(type) {
		case string:
			if v != "" {
				return v
			}
		case []any:
			if len(v) > 0 {
				if first, ok := v[0].(map[string]any); ok {
					return message(first)
				}
				if s, ok := v[0].(string); ok {
					return s
				}
			}
		case map[string]any:
			if s := message(v); s != "" {
				return s
			}
		}
	}
	return ""
}

// walk collects what tells errors apart, at any depth.
func (e *ErrorBody) walk(v any, depth int) {
	if depth > maxDepth {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			e.walk(item, depth+1)
		}
	case map[string]any:
		// Values before containers, so that what stands outside counts first.
		names := slices.Sorted(maps.Keys(v))
		for _, name := range names {
			e.member(name, scalar(v[name]))
		}
		for _, name := range names {
			e.walk(v[name], depth+1)
		}
	}
}

func (e *ErrorBody) member(name, s string) {
	if s == "" {
		return
	}
	switch name {
	case "code", "status", "status_code", "raw_status_code":
		if n, err := strconv.Atoi(s); err == nil && n >= 400 && n < 600 {
			if e.Status == 0 {
				e.Status = n
			}
			return
		}
		e.label(s)
	case "type", "reason", "error_type", "error_code", "provider_code", "limit_source":
		e.label(s)
	case "__type": // com.amazon.coral.service#ThrottlingException
		e.label(s[strings.LastIndexByte(s, '#')+1:])
	case "quotaId", "quotaMetric", "raw":
		e.Details = append(e.Details, strings.ToLower(s))
	case "retryDelay":
		e.RetryDelay = s
	}
}

func (e *ErrorBody) label(s string) {
	if len(s) <= maxCode {
		e.Labels = append(e.Labels, NormalCode(s))
	}
}

// NormalCode writes a code so that its spellings compare equal: lower case, letters
// and digits only. Throttling.RateQuota is throttlingratequota.
func NormalCode(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, s)
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
