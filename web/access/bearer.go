package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// Bearer lets only bearers of one token through, as admins; the comparison takes the
// same time for every wrong token. An empty token lets nobody in.
func Bearer(token string) func(http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			sum := sha256.Sum256([]byte(given))
			if !ok || token == "" || subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="sluice admin"`)
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write([]byte(`{"error":{"message":"send the admin token as Authorization: Bearer <token>","code":"unauthorized"}}` + "\n"))
				return
			}
			next.ServeHTTP(w, r.WithContext(With(r.Context(), Identity{Name: "admin token", Role: Admin, From: r.RemoteAddr})))
		})
	}
}
