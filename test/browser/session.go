package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Cookie is the name of the dashboard's session.
const Cookie = "sluice_session"

// Account makes an account with the admin token. owner is a key-owner's; else empty.
func (p *Program) Account(name, password, role, owner string) error {
	body, err := json.Marshal(map[string]string{"name": name, "password": password, "role": role, "owner": owner})
	if err != nil {
		return err
	}
	status, answer, err := p.Ask(http.MethodPost, "/accounts", string(body))
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("browser: the account %s: %d %s", name, status, answer)
	}
	return err
}

// Session signs somebody in and answers what the cookie holds.
func (p *Program) Session(name, password string) (string, error) {
	body, err := json.Marshal(map[string]string{"name": name, "password": password})
	if err != nil {
		return "", err
	}
	resp, err := http.Post(p.Admin+"/admin/api/v1/session", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		if c.Name == Cookie && resp.StatusCode == http.StatusCreated {
			return c.Value, nil
		}
	}
	return "", fmt.Errorf("browser: %s is not signed in: %s", name, resp.Status)
}

// As calls the admin API as a session's page would.
func (p *Program) As(session, method, path, body string) (status int, answer []byte, err error) {
	req, err := http.NewRequest(method, p.Admin+"/admin/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.AddCookie(&http.Cookie{Name: Cookie, Value: session})
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(req)
}

// Enter opens a page of the dashboard with a session that has begun elsewhere.
func (p *Page) Enter(session, page string) error {
	err := p.run("take a session", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{
			Name: Cookie, Value: session, URL: p.base, HTTPOnly: new(true), SameSite: network.CookieSameSiteStrict,
		})
		return err
	}))
	if err != nil {
		return err
	}
	if err := p.Go(page); err != nil {
		return err
	}
	return p.See(".rail")
}
