package api

import (
	"errors"
	"html"
	"net/http"
	"strings"

	"github.com/sluice-gateway/sluice/web/access"
)

func oidcLogin(g *access.Guard, c *Call, w http.ResponseWriter) error {
	to, cookie, err := g.BeginOIDC(c.Request, c.Query("return"))
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie)
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
	return nil
}

func oidcCallback(g *access.Guard, c *Call, w http.ResponseWriter) error {
	in, back, gone, err := g.EndOIDC(c.Request)
	http.SetCookie(w, gone)
	if err != nil {
		var r *access.Refusal
		if errors.As(err, &r) && r.Who != "" {
			c.Note(r.Who, nil)
		} else {
			c.Unkept() // nobody is known, and anybody could fill the log
		}
		return err
	}
	c.Note(in.Who.Name, nil)
	c.Became(in.Who)
	http.SetCookie(w, in.Cookie)
	w.Header().Set("Location", back)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// readable says whether a failure is told to a person in a page, and not in JSON.
func (e *Endpoint) readable(r *http.Request) bool {
	return e.Media == "text/html" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// writePage tells a failure to a person.
func writePage(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(e.Status)
	_, _ = w.Write([]byte("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Sluice: not signed in</title>\n<h1>Not signed in</h1>\n<p>" +
		html.EscapeString(e.Message) + "</p>\n<p><a href=\"/\">Back</a></p>\n</html>\n")) // the reader may have gone
}
