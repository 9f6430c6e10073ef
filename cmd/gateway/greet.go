package main

import (
	"fmt"
	"os"
)

// greet says where everything is, with lines to paste.
func (s *service) greet() {
	api, admin := s.api.url(), s.admin.url()
	s.log.Info("serving", "api", api, "admin", admin, "routes", len(s.cfg.Routes))
	if s.flags.file != "" {
		return
	}
	fmt.Fprintf(s.out, `
Sluice is ready. API: %[1]s/v1   dashboard: %[2]s   metrics: %[2]s/metrics   key: %[3]s

Try it:

  curl %[1]s/v1/chat/completions \
    -H "Authorization: Bearer %[3]s" -H "Content-Type: application/json" \
    -d '{"model":"qwen3-max","messages":[{"role":"user","content":"Hello!"}]}'

  curl -N %[1]s/v1/chat/completions \
    -H "Authorization: Bearer %[3]s" -H "Content-Type: application/json" -H "X-Priority: high" \
    -d '{"model":"qwen3-max","stream":true,"messages":[{"role":"user","content":"Count to five."}]}'

  curl %[1]s/v1/embeddings \
    -H "Authorization: Bearer %[3]s" -H "Content-Type: application/json" \
    -d '{"model":"text-embedding-3-small","input":["one","two"]}'

  curl %[1]s/v1/models -H "Authorization: Bearer %[3]s"

Make a key with limits of its own, with the admin token of this start:

  export SLUICE_ADMIN=%[2]s SLUICE_ADMIN_TOKEN=sluice-admin-...
  %[4]s keys create my-app --limit rpm=60 --limit tpm=10k --limit usd_per_month=5
  %[4]s keys show my-app

`, api, admin, s.demoKey, os.Args[0])
}
