package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/web/api"
)

// adminClient talks to the admin API of a running gateway.
type adminClient struct {
	url, token string
	json       bool
	timeout    time.Duration
}

// define gives a command the flags of where the admin API is.
func (a *adminClient) define(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&a.url, "admin", "http://127.0.0.1:8081", "`URL` of the admin listener")
	f.StringVar(&a.token, "token", "", "`TOKEN` of the admin API; better in the environment, as SLUICE_ADMIN_TOKEN: other users of a machine see command lines")
	f.BoolVar(&a.json, "json", false, "print the API's own JSON")
	f.DurationVar(&a.timeout, "timeout", 30*time.Second, "how long an answer may take")
}

// maxAdminAnswer bounds what is read of an answer.
const maxAdminAnswer = 64 << 20

// errNoToken says where a token comes from.
var errNoToken = errors.New(`the admin API needs a token: set SLUICE_ADMIN_TOKEN to server.admin_token of the
configuration, to the one that the gateway showed when it started, or to one that was
made with POST /admin/api/v1/tokens`)

// call does one operation. body and answer may be nil; raw is the answer as it came.
func (a *adminClient) call(ctx context.Context, method, path string, body, answer any) (raw []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	base, err := url.Parse(a.url)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("--admin %q is not a URL such as http://127.0.0.1:8081", a.url)
	}
	if a.token == "" {
		return nil, errNoToken
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(a.url, "/")+api.Prefix+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the admin API at %s does not answer: %w", a.url, unwrapURL(err))
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxAdminAnswer))
	if err != nil {
		return nil, fmt.Errorf("the answer of %s broke off: %w", a.url, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, adminError(resp.StatusCode, raw)
	}
	if answer != nil {
		if err := json.Unmarshal(raw, answer); err != nil {
			return nil, fmt.Errorf("%s does not answer like an admin API: %w", a.url, err)
		}
	}
	return raw, nil
}

// unwrapURL leaves out the method and the address, which the message has already.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// adminError words a refusal of the admin API, field by field.
func adminError(status int, raw []byte) error {
	var told struct {
		Error struct {
			Message string
			Fields  map[string]string
		}
	}
	if json.Unmarshal(raw, &told) != nil || told.Error.Message == "" {
		return fmt.Errorf("status %d, and no word why: is this the admin listener?", status)
	}
	text := told.Error.Message
	if status == http.StatusUnauthorized {
		text = "the admin API does not know this token, or it has ended: see SLUICE_ADMIN_TOKEN or --token"
	}
	for _, field := range slices.Sorted(maps.Keys(told.Error.Fields)) {
		text += "\n  " + field + ": " + told.Error.Fields[field]
	}
	return errors.New(text)
}
